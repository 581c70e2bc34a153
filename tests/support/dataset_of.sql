-- Helpers of tests about data sets and rows.

create schema if not exists dpp_test;

create or replace function dpp_test.dataset_of(p_uid text)
returns jsonb language sql stable as $$
    select dpp.dataset_of(o.id) from dpp.objects as o where o.sop_instance_uid = p_uid
$$;

-- dpp.ingest with what the tests do not care about filled in: a protocol of this name, or an approval.
create or replace function dpp_test.store(
    p_uid text,
    p_digest text default 'digest',
    p_name text default null,
    p_class text default '1.2.840.10008.5.1.4.1.1.200.1'
)
returns text language sql as $$
    select case p_class
        when '1.2.840.10008.5.1.4.1.1.200.3' then dpp.ingest_approval(
            p_uid, p_class, '1.2.840.10008.1.2.1', '\x0102', p_digest::bytea, '\x03', null, null, 'store', 'SCANNER',
            array[array_fill(null::text, array[7])], null, null, null, null, null, null)
        else dpp.ingest(
            p_uid, p_class, '1.2.840.10008.1.2.1', '\x0102', p_digest::bytea, '\x03', null, null, 'store', 'SCANNER',
            array[array[p_name] || array_fill(null::text, array[17])], null, null, null, null, null, null, null, null)
    end
$$;

-- The rows of a query, each as text: rows with columns of different collations do not compare otherwise.
create or replace function dpp_test.rows_of(query text)
returns setof text language plpgsql as $$
begin
    return query execute format('select q::text from (%s) as q', query);
end
$$;
