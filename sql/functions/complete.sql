-- What the standard demands and the repository knows itself, filled in when a draft is published. Only what is missing:
--
--   creator         the database user who made the draft
--   equipment       Enhanced General Equipment (PS3.3 C.7.5.2): dpp.repository
--   creation        Instance Creation Date and Time: now, in the object's time zone, UTC (+0000) if it says none
--   references      SOP class of predecessors and approval subjects that are here; of an unknown predecessor the draft's own
--   assertions      Assertion UID, Assertion DateTime: now
--   Type 2          attributes of modules that are there have no value instead of being absent
--
-- What other_attributes says is without value goes when there are values.

create or replace function dpp.offset_text(utc_offset interval)
returns text language sql immutable parallel safe as $$
    select case when utc_offset < interval '0' then '-' else '+' end
        || to_char(greatest(utc_offset, -utc_offset), 'HH24MI')
$$;
comment on function dpp.offset_text(interval) is 'An offset from UTC as in Timezone Offset From UTC (0008,0201), such as +0100';

create or replace function dpp.complete_equipment(p_object_id bigint)
returns void language plpgsql as $$
declare
    own dpp.repository;
begin
    select r.* into own from dpp.repository as r;
    if own.software_versions = '{}' then
        own.software_versions := array(select max(m.version)::text from dpp.schema_migrations as m);
    end if;
    update dpp.protocols as p
    set manufacturer = coalesce(nullif(p.manufacturer, ''), own.manufacturer),
        manufacturer_model_name = coalesce(nullif(p.manufacturer_model_name, ''), own.manufacturer_model_name),
        device_serial_number = coalesce(nullif(p.device_serial_number, ''), own.device_serial_number),
        software_versions = case when p.software_versions = '{}' then own.software_versions else p.software_versions end
    where p.object_id = p_object_id
        and (
            coalesce(p.manufacturer, '') = '' or coalesce(p.manufacturer_model_name, '') = ''
            or coalesce(p.device_serial_number, '') = '' or p.software_versions = '{}');
    update dpp.approvals as a
    set manufacturer = coalesce(nullif(a.manufacturer, ''), own.manufacturer),
        manufacturer_model_name = coalesce(nullif(a.manufacturer_model_name, ''), own.manufacturer_model_name),
        device_serial_number = coalesce(nullif(a.device_serial_number, ''), own.device_serial_number),
        software_versions = case when a.software_versions = '{}' then own.software_versions else a.software_versions end
    where a.object_id = p_object_id
        and (
            coalesce(a.manufacturer, '') = '' or coalesce(a.manufacturer_model_name, '') = ''
            or coalesce(a.device_serial_number, '') = '' or a.software_versions = '{}');
end
$$;
comment on function dpp.complete_equipment(bigint) is
    'Fills in the equipment that made a draft, where it is missing, from dpp.repository';

create or replace function dpp.complete_creation(p_object_id bigint)
returns void language plpgsql as $$
declare
    utc_offset interval := dpp.offset_of_object(p_object_id);
    local timestamp := (now() at time zone 'UTC') + coalesce(utc_offset, interval '0');
    has_instant boolean := exists (
        select
        from dpp.approval_assertions as a
        where a.object_id = p_object_id and coalesce(a.assertion_datetime, '') = '');
begin
    update dpp.protocols as p
    set instance_creation_date = coalesce(nullif(p.instance_creation_date, ''), to_char(local, 'YYYYMMDD')),
        instance_creation_time = coalesce(nullif(p.instance_creation_time, ''), to_char(local, 'HH24MISS'))
    where p.object_id = p_object_id
        and (coalesce(p.instance_creation_date, '') = '' or coalesce(p.instance_creation_time, '') = '');
    if found then
        has_instant := true;
    end if;
    update dpp.approvals as a
    set instance_creation_date = coalesce(nullif(a.instance_creation_date, ''), to_char(local, 'YYYYMMDD')),
        instance_creation_time = coalesce(nullif(a.instance_creation_time, ''), to_char(local, 'HH24MISS'))
    where a.object_id = p_object_id
        and (coalesce(a.instance_creation_date, '') = '' or coalesce(a.instance_creation_time, '') = '');
    if found then
        has_instant := true;
    end if;
    update dpp.approval_assertions as a
    set assertion_datetime = to_char(local, 'YYYYMMDDHH24MISS') || dpp.offset_text(coalesce(utc_offset, interval '0'))
    where a.object_id = p_object_id and coalesce(a.assertion_datetime, '') = '';
    -- Last: what is derived from dates depends on it.
    if has_instant then
        update dpp.objects as o set timezone_offset = '+0000' where o.id = p_object_id and o.timezone_offset is null;
    end if;
end
$$;
comment on function dpp.complete_creation(bigint) is
    'Fills in when a draft was made, where it is missing: now';

-- PS3.4 HH.6-1 returns a creator. What parts a person name (PS3.5 6.2) is no part of a user's.
create or replace function dpp.complete_creator(p_object_id bigint)
returns void language plpgsql as $$
begin
    update dpp.protocols as p
    set content_creator_name = left(translate(coalesce(o.created_by, session_user), '\^=', '___'), 64)
    from dpp.objects as o
    where p.object_id = p_object_id and o.id = p.object_id and coalesce(p.content_creator_name, '') = '';
end
$$;
comment on function dpp.complete_creator(bigint) is 'Fills in who made a draft protocol, where it is missing: the database user';

create or replace function dpp.complete_references(p_object_id bigint)
returns void language plpgsql as $$
begin
    update dpp.protocol_predecessors as p
    set referenced_sop_class_uid = coalesce(
        (select k.sop_class_uid from dpp.objects as k where k.sop_instance_uid = p.referenced_sop_instance_uid),
        (select o.sop_class_uid from dpp.objects as o where o.id = p.object_id))
    where p.object_id = p_object_id and coalesce(p.referenced_sop_class_uid, '') = '' and p.referenced_sop_instance_uid <> '';
    update dpp.approval_subjects as s
    set referenced_sop_class_uid = k.sop_class_uid
    from dpp.objects as k
    where s.object_id = p_object_id and coalesce(s.referenced_sop_class_uid, '') = ''
        and k.sop_instance_uid = s.referenced_sop_instance_uid;
    update dpp.approval_assertions as a
    set assertion_uid = dpp.new_uid()
    where a.object_id = p_object_id and coalesce(a.assertion_uid, '') = '';
end
$$;
comment on function dpp.complete_references(bigint) is
    'Fills in SOP classes of references of a draft, and UIDs of its assertions, where they are missing';

-- Type 2: present, if need be without value.
create or replace function dpp.complete_type_2(p_object_id bigint)
returns void language plpgsql as $$
declare
    header dpp.protocols;
    others jsonb;
begin
    select p.* into header from dpp.protocols as p where p.object_id = p_object_id;
    if not found then
        return;
    end if;
    select jsonb_object_agg(e.tag, jsonb_build_object('vr', e.vr))
    into others
    from (
        values
            -- PS3.3 C.34.6
            ('00189912', 'SQ', not exists (select from dpp.protocol_models as m where m.object_id = p_object_id)),
            -- PS3.3 C.34.4
            ('00120021', 'LO', header.clinical_trial_protocol_id <> '' and coalesce(header.clinical_trial_protocol_name, '') = ''),
            ('00120030', 'LO', header.clinical_trial_protocol_id <> ''),
            ('00120031', 'LO', header.clinical_trial_protocol_id <> ''),
            ('00120060', 'LO', header.clinical_trial_protocol_id <> '')
    ) as e (tag, vr, is_due)
    where e.is_due;
    -- What has values by now
    header.other_attributes := header.other_attributes - array(
        select v.tag
        from (
            values
                ('00189912', exists (select from dpp.protocol_models as m where m.object_id = p_object_id)),
                ('00120021', header.clinical_trial_protocol_name <> '')
        ) as v (tag, has_value)
        where v.has_value and not header.other_attributes -> v.tag ? 'Value');
    others := coalesce(others, '{}') || header.other_attributes;
    update dpp.protocols as p
    set other_attributes = others
    where p.object_id = p_object_id and p.other_attributes is distinct from others;
end
$$;
comment on function dpp.complete_type_2(bigint) is
    'Adds attributes of Type 2 without value to a draft protocol, in other_attributes';

create or replace function dpp.complete(p_object_id bigint)
returns void language plpgsql as $$
begin
    perform dpp.complete_creator(p_object_id);
    perform dpp.complete_equipment(p_object_id);
    perform dpp.complete_creation(p_object_id);
    perform dpp.complete_references(p_object_id);
    perform dpp.complete_type_2(p_object_id);
end
$$;
comment on function dpp.complete(bigint) is
    'Fills in what a draft lacks and the repository knows itself: creator, equipment, creation date and time, SOP classes of references, attributes of Type 2. dpp.publish calls it';
