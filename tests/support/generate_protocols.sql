-- Makes many protocols quickly, for plans and benchmarks: rows are written straight into the tables, not by dpp.ingest.
--
--     psql -f tests/support/generate_protocols.sql
--     select dpp_test.generate_protocols(100000);                 -- numbers 1 to 100000
--     select dpp_test.generate_protocols(100000, 100001, 5, 10);  -- more, seed 5, ten constraints each
--
-- Everything about protocol n follows from n and the seed, so two runs give the same rows. The values are spread as
-- in a large enterprise: 40 regions and tasks, 25 manufacturers with 40 models, 2,000 procedure codes, 500 creators,
-- 60 institutions, 20 years of dates, one in twenty XA, one in a hundred from a clinical trial, every fifth a
-- successor of the one before it. Query record and data set are encoded (Explicit VR Little Endian).

create schema if not exists dpp_test;
comment on schema dpp_test is 'Helpers of tests and benchmarks; not part of the product';

create or replace function dpp_test.pick(n bigint, seed bigint, what text, size int)
returns int language sql immutable parallel safe as $$
    select ((hashtextextended(what || n, seed) & 9223372036854775807) % size)::int
$$;
comment on function dpp_test.pick(bigint, bigint, text, int) is 'A number from 0 to size - 1 that follows from the others';

create or replace function dpp_test.le(number int, octets int)
returns bytea language sql immutable parallel safe as $$
    select case octets
        when 2 then substr(int4send(number), 4, 1) || substr(int4send(number), 3, 1)
        else substr(int4send(number), 4, 1) || substr(int4send(number), 3, 1) || substr(int4send(number), 2, 1)
            || substr(int4send(number), 1, 1)
    end
$$;
comment on function dpp_test.le(int, int) is 'A number of two or four octets, little endian';

create or replace function dpp_test.element(tag text, vr text, value bytea)
returns bytea language plpgsql immutable strict parallel safe as $$
declare
    padded bytea := value || case when length(value) % 2 = 1 then case vr when 'UI' then '\x00' else '\x20' end::bytea else '' end;
begin
    return decode(substr(tag, 3, 2) || substr(tag, 1, 2) || substr(tag, 7, 2) || substr(tag, 5, 2), 'hex')
        || vr::bytea
        || case
            when vr in ('SQ', 'UC', 'UT', 'UR') then '\x0000' || dpp_test.le(length(padded), 4)
            else dpp_test.le(length(padded), 2)
        end
        || padded;
end
$$;
comment on function dpp_test.element(text, text, bytea) is 'An encoded data element, Explicit VR Little Endian';

create or replace function dpp_test.text_element(tag text, vr text, value text)
returns bytea language sql immutable parallel safe as $$
    select dpp_test.element(tag, vr, convert_to(value, 'UTF8'))
$$;
comment on function dpp_test.text_element(text, text, text) is 'An encoded data element of a text value';

create or replace function dpp_test.item(content bytea)
returns bytea language plpgsql immutable strict parallel safe as $$
begin
    return '\xfeff00e0' || dpp_test.le(length(content), 4) || content;
end
$$;
comment on function dpp_test.item(bytea) is 'An encoded sequence item of defined length';

create or replace function dpp_test.code_item(value text, scheme text, meaning text)
returns bytea language sql immutable parallel safe as $$
    select dpp_test.item(
        dpp_test.text_element('00080100', 'SH', value)
        || dpp_test.text_element('00080102', 'SH', scheme)
        || dpp_test.text_element('00080104', 'LO', meaning))
$$;
comment on function dpp_test.code_item(text, text, text) is 'An encoded item of a code sequence';

-- What protocol n says.
create type dpp_test.protocol as (
    uid text, class text, modality text, name text, creator text, creation_date text, creation_time text,
    manufacturer text, model text, model_group text, versions text[], procedure_code text, scheduled_code text,
    region_code text, region text, institution text, institution_code text, sponsor text, trial text, predecessor text
);
comment on type dpp_test.protocol is 'What a generated protocol says';

create or replace function dpp_test.protocol(n bigint, seed bigint)
returns dpp_test.protocol language sql immutable parallel safe as $$
    select row(
        '2.25.' || seed || '0' || n,
        case when is_xa then '1.2.840.10008.5.1.4.1.1.200.7' else '1.2.840.10008.5.1.4.1.1.200.1' end,
        case when is_xa then 'XA' else 'CT' end,
        (array['Head', 'Neck', 'Thorax', 'Abdomen', 'Pelvis', 'Spine', 'Heart', 'Knee', 'Shoulder', 'Sinus'])[region + 1]
            || ' ' || (array['routine', 'low dose', 'perfusion', 'angiography'])[1 + dpp_test.pick(n, seed, 'task', 4)]
            || ' ' || substr(md5(n::text || '/' || seed), 1, 6) || ' ' || lpad(n::text, 7, '0'),
        'Creator' || lpad(dpp_test.pick(n, seed, 'creator', 500)::text, 3, '0') || '^Ana',
        to_char(date '2006-01-01' + dpp_test.pick(n, seed, 'date', 7300), 'YYYYMMDD'),
        lpad((8 + dpp_test.pick(n, seed, 'hour', 10))::text, 2, '0')
            || lpad(dpp_test.pick(n, seed, 'minute', 60)::text, 2, '0')
            || lpad(dpp_test.pick(n, seed, 'second', 60)::text, 2, '0'),
        'Maker ' || chr(65 + maker),
        'Model ' || chr(65 + maker) || lpad(dpp_test.pick(n, seed, 'model', 40)::text, 2, '0'),
        case when n % 10 = 0 then 'Family ' || chr(65 + maker) || n % 1000 end,
        array['V' || dpp_test.pick(n, seed, 'major', 50), 'V' || dpp_test.pick(n, seed, 'minor', 50) || '.1'],
        'RP' || lpad(dpp_test.pick(n, seed, 'procedure', 2000)::text, 5, '0'),
        'SP' || lpad(dpp_test.pick(n, seed, 'scheduled', 2000)::text, 5, '0'),
        (69536005 + region)::text,
        (array['Head', 'Neck', 'Thorax', 'Abdomen', 'Pelvis', 'Spine', 'Heart', 'Knee', 'Shoulder', 'Sinus'])[region + 1],
        'Hospital ' || lpad(hospital::text, 2, '0'),
        'H' || lpad(hospital::text, 2, '0'),
        case when n % 100 = 0 then 'Sponsor ' || n % 700 end,
        case when n % 100 = 0 then 'TRIAL-' || n % 5000 end,
        case when n % 5 = 0 and n > 1 then '2.25.' || seed || '0' || n - 1 end
    )::dpp_test.protocol
    from (
        select
            dpp_test.pick(n, seed, 'xa', 20) = 0 as is_xa,
            dpp_test.pick(n, seed, 'region', 10) as region,
            dpp_test.pick(n, seed, 'maker', 25) as maker,
            dpp_test.pick(n, seed, 'hospital', 60) as hospital
        offset 0
    ) as x
$$;
comment on function dpp_test.protocol(bigint, bigint) is 'What generated protocol n says';

create or replace function dpp_test.record(p dpp_test.protocol)
returns bytea language sql immutable parallel safe as $$
    select
        dpp_test.text_element('00080012', 'DA', p.creation_date)
        || dpp_test.text_element('00080013', 'TM', p.creation_time)
        || dpp_test.text_element('00080016', 'UI', p.class)
        || dpp_test.text_element('00080018', 'UI', p.uid)
        || dpp_test.text_element('00080221', 'CS', p.modality)
        || dpp_test.element('00082218', 'SQ', dpp_test.code_item(p.region_code, 'SCT', p.region))
        || coalesce(dpp_test.text_element('00120010', 'LO', p.sponsor), '')
        || coalesce(dpp_test.text_element('00120020', 'LO', p.trial), '')
        || dpp_test.text_element('00181030', 'LO', p.name)
        || dpp_test.element('00189906', 'SQ', dpp_test.code_item(p.scheduled_code, '99TEST', 'Scheduled ' || p.region))
        || dpp_test.element('00189907', 'SQ', dpp_test.code_item(p.procedure_code, '99TEST', 'Procedure ' || p.region))
        || coalesce(
            dpp_test.element('0018990E', 'SQ', dpp_test.item(
                dpp_test.text_element('00081150', 'UI', p.class)
                || dpp_test.text_element('00081155', 'UI', p.predecessor))),
            '')
        || dpp_test.element('00189912', 'SQ', dpp_test.item(
            dpp_test.text_element('00080070', 'LO', p.manufacturer)
            || coalesce(dpp_test.text_element('00080222', 'LO', p.model_group), '')
            || dpp_test.text_element('00081090', 'LO', p.model)
            || dpp_test.text_element('00181020', 'LO', array_to_string(p.versions, '\'))))
        || dpp_test.element('0040A07C', 'SQ', dpp_test.item(
            dpp_test.text_element('00080080', 'LO', p.institution)
            || dpp_test.element('00080082', 'SQ', dpp_test.code_item(p.institution_code, '99TEST', p.institution))))
        || dpp_test.text_element('00700084', 'PN', p.creator)
$$;
comment on function dpp_test.record(dpp_test.protocol) is 'The encoded query record of a generated protocol, and its data set';

create or replace function dpp_test.generate_protocols(
    p_count bigint,
    p_first bigint default 1,
    p_seed bigint default 1,
    p_constraints int default 2
)
returns void
language plpgsql
as $$
begin
    perform set_config('dpp.maintenance', 'on', true); -- past the guard of what is published
    create temporary table generated (n bigint, object_id bigint, p dpp_test.protocol, record bytea) on commit drop;
    insert into generated (n, p)
    select n, dpp_test.protocol(n, p_seed)
    from generate_series(p_first, p_first + p_count - 1) as g (n);
    update generated as g set record = dpp_test.record(g.p);

    insert into dpp.objects (
        sop_instance_uid, sop_class_uid, state, query_record, source, sender_aet, published_at)
    select (g.p).uid, (g.p).class, 'published', g.record, 'import', 'GENERATOR', now()
    from generated as g
    order by g.n;
    update generated as g set object_id = o.id from dpp.objects as o where o.sop_instance_uid = (g.p).uid;

    insert into dpp.instances (object_id, transfer_syntax_uid, dataset, size, digest)
    select g.object_id, '1.2.840.10008.1.2.1', g.record, length(g.record), sha256(g.record)
    from generated as g
    order by g.n;

    insert into dpp.protocols (
        object_id, protocol_name, equipment_modality, content_creator_name, instance_creation_date,
        instance_creation_time, clinical_trial_sponsor_name, clinical_trial_protocol_id)
    select
        g.object_id, (g.p).name, (g.p).modality, (g.p).creator, (g.p).creation_date, (g.p).creation_time,
        (g.p).sponsor, (g.p).trial
    from generated as g
    order by g.n;

    insert into dpp.protocol_custodians (object_id, ordinal, institution_name)
    select g.object_id, 1, (g.p).institution
    from generated as g
    order by g.n;

    insert into dpp.protocol_codes (
        object_id, role, parent_ordinal, ordinal, code_value, coding_scheme_designator, code_meaning)
    select g.object_id, c.role, c.parent_ordinal, 1, c.value, c.scheme, c.meaning
    from generated as g
    cross join lateral (
        values
            ('anatomic_region', 0, (g.p).region_code, 'SCT', (g.p).region),
            ('scheduled_protocol', 0, (g.p).scheduled_code, '99TEST', 'Scheduled ' || (g.p).region),
            ('requested_procedure', 0, (g.p).procedure_code, '99TEST', 'Procedure ' || (g.p).region),
            ('custodian_institution', 1, (g.p).institution_code, '99TEST', (g.p).institution)
    ) as c (role, parent_ordinal, value, scheme, meaning)
    order by g.n;

    insert into dpp.protocol_models (
        object_id, ordinal, manufacturer, manufacturer_related_model_group, manufacturer_model_name,
        software_versions)
    select g.object_id, 1, (g.p).manufacturer, (g.p).model_group, (g.p).model, (g.p).versions
    from generated as g
    order by g.n;

    insert into dpp.protocol_predecessors (
        object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid)
    select g.object_id, 1, (g.p).class, (g.p).predecessor
    from generated as g
    where (g.p).predecessor is not null
    order by g.n;

    insert into dpp.protocol_elements (object_id, kind, ordinal, element_number, element_name)
    select g.object_id, 'acquisition', 1, 1, 'Scan'
    from generated as g
    where p_constraints > 0
    order by g.n;

    insert into dpp.parameter_constraints (
        object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword, selector_name, selector_vr,
        selector_value_number, selector_path, selector_path_items, constraint_type, constraint_values,
        constraint_numbers, unit_code, unit_scheme, unit_meaning)
    select
        g.object_id, 'acquisition', 1, c.ordinal, '00180060', 'KVP', 'KVP', 'DS', 1, '{00189920,00189325}', array[1, c.ordinal],
        'EQUAL', array[v.kv::text], array[v.kv], 'kV', 'UCUM', 'kilovolt'
    from generated as g
    cross join generate_series(1, p_constraints) as c (ordinal)
    cross join lateral (select 70 + 10 * dpp_test.pick(g.n, p_seed, 'kv' || c.ordinal, 8) as kv) as v
    order by g.n, c.ordinal;

    drop table generated;
end
$$;
comment on function dpp_test.generate_protocols(bigint, bigint, bigint, int) is
    'Make protocols numbered from p_first on; run analyze afterwards';
