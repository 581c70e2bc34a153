-- The one way in for received objects. One call is one transaction and leaves all or nothing behind.
--
-- Security definer: a server may add objects through this function, and only through it; it has no right to change
-- or delete what is published.
--
-- Plans are made once per session and kept. One made while the tables are empty, as for the first of many objects that
-- are imported, would read them whole ever after, hence enable_seqscan. The planner thinks of thousands of items
-- where there are a hundred, and would compile for them, hence jit. Both hold for what is called from here.

create or replace function dpp.ingest(
    p_dataset jsonb,
    p_encoded bytea,
    p_transfer_syntax text,
    p_query_record bytea,
    p_digest bytea,
    p_sender text,
    p_source text,
    p_character_set text,
    p_warnings text[]
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    new_id bigint;
    known record;
    uid text := dpp.attribute_text(p_dataset -> '00080018', 'UI');
    class text := dpp.attribute_text(p_dataset -> '00080016', 'UI');
begin
    if uid is null or class is null then
        raise exception 'the data set has no SOP % UID', case when uid is null then 'Instance' else 'Class' end
            using errcode = 'invalid_parameter_value';
    end if;
    loop
        -- If another transaction is storing the same UID this waits for its end.
        insert into dpp.objects (
            sop_instance_uid, sop_class_uid, state, query_record, specific_character_set, timezone_offset, source,
            sender_aet, published_at)
        values (
            uid, class, 'published', p_query_record, nullif(p_character_set, ''),
            dpp.attribute_text(p_dataset -> '00080201', 'SH'), p_source, nullif(p_sender, ''), now())
        on conflict (sop_instance_uid) do nothing
        returning id into new_id;
        exit when new_id is not null;

        -- A statement of its own, so that it sees what the other transaction has committed.
        select o.state, i.digest
        into known
        from dpp.objects as o
        left join dpp.instances as i on i.object_id = o.id
        where o.sop_instance_uid = uid;
        if found then
            return case
                when known.state in ('draft', 'retired') then known.state
                when known.digest = p_digest then 'same'
                else 'different'
            end;
        end if;
        -- Deleted in between: try again.
    end loop;

    -- After the insert, not before: it may have waited for the transaction that purged the object.
    if exists (select from dpp.tombstones as t where t.sop_instance_uid = uid) then
        delete from dpp.objects as o where o.id = new_id;
        return 'purged';
    end if;

    insert into dpp.instances (object_id, transfer_syntax_uid, dataset, size, digest)
    values (new_id, p_transfer_syntax, p_encoded, length(p_encoded), p_digest);

    insert into dpp.dataset_warnings (object_id, ordinal, warning)
    select new_id, w.ordinal, w.warning
    from unnest(p_warnings) with ordinality as w (warning, ordinal);

    if class in ('1.2.840.10008.5.1.4.1.1.200.1', '1.2.840.10008.5.1.4.1.1.200.7') then
        perform dpp.normalize_protocol(new_id, p_dataset);
        insert into dpp.dataset_warnings (object_id, ordinal, attribute, warning)
        select new_id, coalesce(cardinality(p_warnings), 0) + row_number() over (), w.attribute, w.warning
        from dpp.protocol_warnings(new_id) as w;
    end if;

    return 'stored';
end
$$;
comment on function dpp.ingest(jsonb, bytea, text, bytea, bytea, text, text, text, text[]) is
    'Store a received object given as DICOM JSON and encoded. Returns stored, or what is known of its SOP Instance UID: same or different content, draft, retired, purged';
