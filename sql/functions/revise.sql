-- A new draft made from a version: all that it says, but not who made it, when and on what (that is true of the version
-- only), nor signatures over it and notes of what its attributes once were.

create or replace function dpp.revise(
    p_uid text,
    p_creator text default null,
    p_reason text default null,
    p_alongside boolean default false,
    p_accept_losses boolean default false
)
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    door text;
    version dpp.objects;
    new_id bigint;
    uid text;
begin
    perform dpp.require_read_committed('dpp.revise');
    -- Whoever revises the same version waits here, and is told of this draft then.
    select o.* into version from dpp.objects as o where o.sop_instance_uid = p_uid for no key update;
    perform dpp.check_revisable(p_uid, version, p_alongside, p_accept_losses);

    door := dpp.open_door();
    uid := dpp.new_uid();
    insert into dpp.objects (
        sop_instance_uid, sop_class_uid, state, timezone_offset, source, created_at, created_by, revises_uid)
    values (
        uid, version.sop_class_uid, 'draft', version.timezone_offset, 'sql', clock_timestamp(), session_user, p_uid)
    returning id into new_id;
    perform dpp.copy_protocol(version.id, new_id);
    perform dpp.reset_origin(new_id, coalesce(p_creator, session_user));
    insert into dpp.protocol_predecessors (
        object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid)
    values (new_id, 1, version.sop_class_uid, p_uid);
    insert into dpp.audit_events (operation, sop_instance_uid, reason, details)
    values ('revise', uid, p_reason, jsonb_build_object('revises', p_uid));
    perform dpp.close_door(door);
    return uid;
end
$$;
comment on function dpp.revise(text, text, text, boolean, boolean) is
    'Copies a published or retired protocol into a new draft that names it as predecessor, and returns the draft''s SOP Instance UID. p_creator: Content Creator''s Name of the draft; null: the database user. p_alongside: also when another draft is being made from it. p_accept_losses: also when the rows do not have all that the encoded form has';

create or replace function dpp.check_revisable(
    p_uid text, p_version dpp.objects, p_alongside boolean, p_accept_losses boolean)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    other dpp.objects;
begin
    if p_version.id is null then
        raise exception 'there is no protocol %', p_uid using errcode = 'no_data_found';
    end if;
    if not exists (select from dpp.protocols as p where p.object_id = p_version.id) then
        raise exception '% is no protocol', p_uid
            using errcode = 'wrong_object_type', hint = 'Of approvals there are no versions: dpp.approve, dpp.withdraw.';
    end if;
    if p_version.state = 'draft' then
        raise exception '% is a draft by % since %', p_uid, coalesce(p_version.created_by, 'nobody known'),
            p_version.created_at
            using errcode = 'object_not_in_prerequisite_state', hint = 'Change it, it need not be revised.';
    end if;
    if not p_accept_losses and exists (
        select
        from dpp.dataset_warnings as w
        where w.object_id = p_version.id and starts_with(w.warning, 'some values are in the encoded form only'))
    then
        raise exception '% has values in the encoded form only, which a revision would lose', p_uid
            using
                errcode = 'object_not_in_prerequisite_state',
                detail = (
                    select string_agg(concat_ws(' ', w.attribute, w.warning), E'\n' order by w.ordinal)
                    from dpp.dataset_warnings as w
                    where w.object_id = p_version.id),
                hint = format('If they may be lost: select dpp.revise(%L, p_accept_losses => true).', p_uid);
    end if;
    if not p_alongside then
        select o.*
        into other
        from dpp.objects as o
        where o.revises_uid = p_uid and o.state = 'draft'
        order by o.id
        limit 1;
        if found then
            raise exception '% is being revised already: draft % by % since %', p_uid, other.sop_instance_uid,
                coalesce(other.created_by, 'nobody known'), other.created_at
                using
                    errcode = 'object_in_use',
                    hint = format(
                        'Go on with that draft, or make another beside it: select dpp.revise(%L, p_alongside => true).',
                        p_uid);
        end if;
    end if;
end
$$;
comment on function dpp.check_revisable(text, dpp.objects, boolean, boolean) is
    'Refuses what dpp.revise cannot, or should not unasked, make a draft from';

-- Columns are those of the catalogue, so that none can be forgotten.
create or replace function dpp.copy_protocol(p_from bigint, p_to bigint)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    relation text;
    columns text;
    sources text;
begin
    foreach relation in array array[
        'protocols', 'protocol_custodians', 'protocol_codes', 'protocol_models', 'instructions', 'protocol_elements',
        'parameter_constraints']
    loop
        select
            string_agg(quote_ident(a.attname), ', ' order by a.attnum),
            string_agg(
                case a.attname
                    when 'object_id' then '$2'
                    when 'other_attributes' then 'dpp.without_signatures(t.other_attributes)'
                    else 't.' || quote_ident(a.attname)
                end,
                ', ' order by a.attnum)
        into columns, sources
        from pg_attribute as a
        where a.attrelid = format('dpp.%I', relation)::regclass and a.attnum > 0 and not a.attisdropped
            and a.attgenerated = '';
        execute format(
            'insert into dpp.%I (%s) select %s from dpp.%1$I as t where t.object_id = $1', relation, columns, sources)
        using p_from, p_to;
    end loop;
end
$$;
comment on function dpp.copy_protocol(bigint, bigint) is
    'Copies the rows of a protocol to another object, without its predecessors and signatures';

-- DICOM JSON without Digital Signatures Sequence (FFFA,FFFA) and MAC Parameters Sequence (4FFE,0001) at any depth (PS3.3
-- C.12.1.1.3), and without Original Attributes Sequence (0400,0561).
create or replace function dpp.without_signatures(p_attributes jsonb)
returns jsonb language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(p_attributes) <> 'object' or p_attributes::text !~ '"(FFFAFFFA|4FFE0001|04000561)"' then
        return p_attributes;
    end if;
    return (
        select coalesce(
            jsonb_object_agg(
                e.key,
                case
                    when e.value ->> 'vr' = 'SQ' and jsonb_typeof(e.value -> 'Value') = 'array'
                    then jsonb_set(
                        e.value, '{Value}',
                        (
                            select coalesce(jsonb_agg(dpp.without_signatures(i.item) order by i.n), '[]')
                            from jsonb_array_elements(e.value -> 'Value') with ordinality as i (item, n)
                        ))
                    else e.value
                end),
            '{}')
        from jsonb_each(p_attributes) as e
        where e.key not in ('FFFAFFFA', '4FFE0001', '04000561'));
end
$$;
comment on function dpp.without_signatures(jsonb) is
    'DICOM JSON without digital signatures, what they need, and what attributes once were';

-- When, by whom and on what equipment a protocol was made: of a copy that is not true. dpp.publish fills in what is null.
create or replace function dpp.reset_origin(p_object_id bigint, p_creator text)
returns void language sql as $$
    update dpp.protocols as p
    set content_creator_name = p_creator,
        instance_creation_date = null,
        instance_creation_time = null,
        manufacturer = null,
        manufacturer_model_name = null,
        device_serial_number = null,
        software_versions = '{}',
        other_attributes = p.other_attributes - array[
            -- SOP Common (PS3.3 C.12.1): creation date, time and creator, coercion
            '00080012', '00080013', '00080014', '00080015',
            -- Content Creator's Name and Identification Code Sequence (10.9)
            '00700084', '00700086',
            -- General Equipment (C.7.5.1), Enhanced General Equipment (C.7.5.2)
            '00080070', '00080080', '00080081', '00080082', '00081010', '00081040', '00081041', '00081090', '0018100A',
            '0018100B', '00181000', '00181002', '00181008', '00181020', '00181050', '00181200', '00181201', '00181202',
            '00181204', '00181205']
    where p.object_id = p_object_id
$$;
comment on function dpp.reset_origin(bigint, text) is
    'Takes from a copied protocol when, by whom and on what equipment it was made, and names its creator';
