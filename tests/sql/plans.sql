-- Every matching key of PS3.4 table HH.6-1, in the shapes of statement that the server makes of it (server/catalog), uses
-- its index: planned without knowing the value, with the settings of the server's role, on many generated protocols.
set client_min_messages = warning;
\ir ../support/generate_protocols.sql
select dpp_test.generate_protocols(:protocols);
vacuum analyze;

begin;
-- as sql/roles.sql has it
set local jit = off;
set local max_parallel_workers_per_gather = 0;
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local plan_cache_mode = force_generic_plan;

create temporary table keys (name text, predicate text, arguments text, expected text);
insert into keys
values
    ('SOP Instance UID', 'o.sop_instance_uid = any($1::text[])', '''{2.25.1077,2.25.1078}''', 'objects_sop_instance_uid_key'),
    ('Protocol Name', 'p.protocol_name = $1', '''Head routine''', 'protocols_protocol_name_idx'),
    ('Protocol Name, list', 'p.protocol_name = any($1::text[])', '''{Head routine}''', 'protocols_protocol_name_idx'),
    ('Protocol Name, prefix', '(p.protocol_name >= $1 and p.protocol_name < $2)', '''Head routine a'', ''Head routine b''',
     'protocols_protocol_name_idx'),
    ('Protocol Name, wild card', 'p.protocol_name like $1', '''%0000077%''', 'protocols_protocol_name_trgm_idx'),
    ('Content Creator''s Name', 'p.content_creator_folded @> array[dpp.fold_name($1)]', '''CREATOR077^Ana''',
     'protocols_content_creator_folded_idx'),
    ('Content Creator''s Name, wild card',
     $$(p.content_creator_search like E'%\n' || dpp.fold_name($1) || E'\n%' and exists (select 1 from
        unnest(p.content_creator_folded) as n (x) where n.x like dpp.fold_name($1) and n.x not like '%=%'))$$,
     '''%ATOR077%''', 'protocols_content_creator_search_idx'),
    ('Instance Creation Date', 'p.creation_date = $1::date', '''20150601''', 'protocols_creation_date_idx'),
    ('Instance Creation Date, range', '(p.creation_date >= $1::date and p.creation_date <= $2::date)',
     '''20150601'', ''20150602''', 'protocols_creation_date_idx'),
    ('Instance Creation Time', 'p.creation_time = $1::time', '''12:34:56''', 'protocols_creation_time_idx'),
    ('Instance Creation Time, range', '(p.creation_time >= $1::time and p.creation_time <= $2::time)',
     '''12:34:56'', ''12:34:57''', 'protocols_creation_time_idx'),
    ('Date and time, range', '(p.creation_datetime >= $1::timestamp and p.creation_datetime <= $2::timestamp)',
     '''2015-06-01 10:00'', ''2015-06-02 10:00''', 'protocols_creation_datetime_idx'),
    ('Clinical Trial Sponsor Name', 'p.clinical_trial_sponsor_name = $1', '''Sponsor 100''',
     'protocols_clinical_trial_sponsor_name_idx'),
    ('Clinical Trial Sponsor Name, prefix',
     '(p.clinical_trial_sponsor_name >= $1 and p.clinical_trial_sponsor_name < $2)', '''Sponsor 1'', ''Sponsor 2''',
     'protocols_clinical_trial_sponsor_name_idx'),
    ('Clinical Trial Sponsor Name, wild card', 'p.clinical_trial_sponsor_name like $1', '''%sor 100''',
     'protocols_clinical_trial_sponsor_name_(trgm_)?idx'),
    ('Clinical Trial Protocol ID', 'p.clinical_trial_protocol_id = $1', '''TRIAL-100''',
     'protocols_clinical_trial_protocol_id_idx'),
    ('Clinical Trial Protocol ID, prefix',
     '(p.clinical_trial_protocol_id >= $1 and p.clinical_trial_protocol_id < $2)', '''TRIAL-1'', ''TRIAL-2''',
     'protocols_clinical_trial_protocol_id_idx'),
    ('Clinical Trial Protocol ID, wild card', 'p.clinical_trial_protocol_id like $1', '''%AL-100''',
     'protocols_clinical_trial_protocol_id_(trgm_)?idx'),
    ('Custodial Organization: Institution Name',
     'exists (select 1 from dpp.protocol_custodians s1 where s1.object_id = o.id and s1.institution_name = $1)',
     '''Hospital 07''', 'protocol_custodians_institution_name_idx'),
    ('Custodial Organization: Institution Name, wild card',
     'exists (select 1 from dpp.protocol_custodians s1 where s1.object_id = o.id and s1.institution_name like $1)',
     '''%spital 07''', 'protocol_custodians_institution_name_trgm_idx'),
    ('Custodial Organization: Institution Code',
     'exists (select 1 from dpp.protocol_custodians s1 where s1.object_id = o.id and exists (
        select 1 from dpp.protocol_codes s2 where s2.object_id = s1.object_id and s2.role = ''custodian_institution''
            and s2.equivalent = 0 and s2.parent_ordinal = s1.ordinal and s2.code_value = $1
            and s2.coding_scheme_designator = $2))',
     '''H07'', ''99TEST''', 'protocol_codes_code_value_idx'),
    ('Model: Manufacturer and Model Name',
     'exists (select 1 from dpp.protocol_models s1 where s1.object_id = o.id and s1.manufacturer = $1
        and s1.manufacturer_model_name = $2)',
     '''Maker C'', ''Model C07''', 'protocol_models_manufacturer(_model_name)?_idx'),
    ('Model: Manufacturer''s Model Name',
     'exists (select 1 from dpp.protocol_models s1 where s1.object_id = o.id and s1.manufacturer_model_name = $1)',
     '''Model C07''', 'protocol_models_manufacturer_model_name_idx'),
    ('Model: Manufacturer''s Model Name, prefix',
     'exists (select 1 from dpp.protocol_models s1 where s1.object_id = o.id and (s1.manufacturer_model_name >= $1
        and s1.manufacturer_model_name < $2))',
     '''Model C0'', ''Model C1''', 'protocol_models_manufacturer_model_name_idx'),
    ('Model: Manufacturer''s Model Name, wild card',
     'exists (select 1 from dpp.protocol_models s1 where s1.object_id = o.id and s1.manufacturer_model_name like $1)',
     '''%del C07''', 'protocol_models_trgm_idx'),
    ('Model: Related Model Group',
     'exists (select 1 from dpp.protocol_models s1 where s1.object_id = o.id and s1.manufacturer_related_model_group = $1)',
     '''Family C70''', 'protocol_models_manufacturer_related_model_group_idx'),
    ('Model: Software Versions',
     'exists (select 1 from dpp.protocol_models s1 where s1.object_id = o.id and s1.software_versions @> array[$1::text])',
     '''V7''', 'protocol_models_software_versions_idx'),
    ('Predecessor',
     'exists (select 1 from dpp.protocol_predecessors s1 where s1.object_id = o.id
        and s1.referenced_sop_instance_uid = any($1::text[]))',
     '''{2.25.1079}''', 'protocol_predecessors_referenced_sop_instance_uid_idx');

-- Codes of every role, by value, by value and scheme, prefix, long and URN
insert into keys
select
    'Code ' || r.role || ', ' || s.shape,
    format(
        'exists (select 1 from dpp.protocol_codes s1 where s1.object_id = o.id and s1.role = %L and s1.equivalent = 0 and %s)',
        r.role, s.predicate),
    s.arguments, s.expected
from unnest(array[
    'responsible_group', 'anatomic_region', 'primary_structure', 'scheduled_protocol', 'requested_procedure',
    'reason']) as r (role)
cross join (
    values
        ('value and scheme', 's1.code_value = $1 and s1.coding_scheme_designator = $2', '''RP00077'', ''99TEST''',
         'protocol_codes_code_value_idx'),
        ('value', 's1.code_value = $1', '''RP00077''', 'protocol_codes_code_value_idx'),
        ('prefix', '(s1.code_value >= $1 and s1.code_value < $2)', '''RP0007'', ''RP0008''', 'protocol_codes_code_value_idx'),
        ('long value', 's1.long_code_value = $1', '''LONG''', 'protocol_codes_long_code_value_idx'),
        ('URN', 's1.urn_code_value = $1', '''urn:x''', 'protocol_codes_urn_code_value_idx')
) as s (shape, predicate, arguments, expected);

create function pg_temp.explain(query text)
returns text language plpgsql as $$
declare
    line text;
    lines text := '';
begin
    for line in execute 'explain (costs off) ' || query loop
        lines := lines || E'\n' || line;
    end loop;
    return lines;
end
$$;
create function pg_temp.plan_of(predicate text, arguments text)
returns text language plpgsql as $$
declare
    found text;
begin
    execute 'prepare query as select o.query_record from dpp.objects o join dpp.protocols p on p.object_id = o.id'
        ' where o.state = ''published'' and o.sop_class_uid in (''1.2.840.10008.5.1.4.1.1.200.1'','
        ' ''1.2.840.10008.5.1.4.1.1.200.7'') and ' || predicate;
    found := pg_temp.explain(format('execute query(%s)', arguments));
    deallocate query;
    return found;
end
$$;

select plan(2 * (select count(*) from keys)::int + 1);
select matches(pg_temp.plan_of(k.predicate, k.arguments), ' ' || k.expected || '\M', k.name || ' by its index')
from keys as k;
select doesnt_match(pg_temp.plan_of(k.predicate, k.arguments), 'Seq Scan on', k.name || ' without reading a table')
from keys as k;

-- Retrieval: by UID, data by id
prepare refs as
    select o.id, i.size
    from unnest($1::text[]) with ordinality as u (uid, n)
    join dpp.objects as o on o.sop_instance_uid = u.uid collate "C"
    join dpp.instances as i on i.object_id = o.id
    where o.state = 'published';
select doesnt_match(
    pg_temp.explain('execute refs(''{2.25.101,2.25.102}'')'), 'Seq Scan on',
    'instances by UID');
select * from finish();
rollback;
