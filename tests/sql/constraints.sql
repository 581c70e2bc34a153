-- Every constraint of every table refuses a row: each check by rows that violate it, each key by a row that is there, each
-- foreign key by one that refers to nothing, each column that must not be null by null. A constraint that is not here
-- fails the test.
-- This file commits (dppr import); its database is its own.
\! "$DPPR_BINARY" import samples/dicom >/dev/null
set client_min_messages = warning;
set dpp.maintenance = 'on'; -- what the life cycle keeps is tried in guard.sql

-- A row in every table; the samples have left most of them.
insert into dpp.instructions (object_id, kind, ordinal) select p.object_id, 'instruction', 1 from dpp.protocols as p limit 1;
insert into dpp.dataset_warnings (object_id, ordinal, warning) select o.id, 1, 'w' from dpp.objects as o limit 1;
insert into dpp.supersessions (object_id, superseded_uid) select o.id, '2.25.1' from dpp.objects as o limit 1;
insert into dpp.tombstones (sop_instance_uid, reason) values ('2.25.1', 'r');
insert into dpp.changes (sop_instance_uid, relation, operation, new_row) values ('2.25.1', 'objects', 'insert', '{}');
insert into dpp.application_entities (ae_title, host, port) values ('CT1', 'h', 104);
insert into dpp.trusted_approvers (sender_aet, asserter, role) values ('CT1', 'a', '128670');
insert into dpp.destination_slots (ae_title, slot, holder, expires_at) values ('CT1', 1, 'x', now());
insert into dpp.timelines (system_identifier, timeline) values (1, 1);
insert into dpp.servers (id, version, schema_version) values (gen_random_uuid(), '0', 1);
insert into dpp.authored_documents (object_id, digest) select o.id, sha256('') from dpp.objects as o limit 1;

create temporary table cases (name text, patch jsonb, refusal text);
-- Where one rule is that of many tables
insert into cases
select c.conname, jsonb_build_object('other_attributes', '[]'::jsonb)
from pg_constraint as c
where c.connamespace = 'dpp'::regnamespace and c.conname ~ '_other_attributes_check$'
union all
select c.conname, jsonb_build_object('ordinal', n.n)
from pg_constraint as c
join pg_class as t on t.oid = c.conrelid
cross join (values (0), (-1)) as n (n)
where c.connamespace = 'dpp'::regnamespace and c.conname = t.relname || '_ordinal_check';
insert into cases
values
    ('objects_sop_instance_uid_check', '{"sop_instance_uid": "1..2"}'),
    ('objects_sop_instance_uid_check', '{"sop_instance_uid": "1.23456789.123456789.123456789.123456789.123456789.123456789.12345"}'),
    ('objects_sop_class_uid_check', '{"sop_class_uid": "CT"}'),
    ('objects_sop_class_uid_check', '{"sop_class_uid": "1.23456789.123456789.123456789.123456789.123456789.123456789.12345"}'),
    ('objects_revises_uid_check', '{"revises_uid": ".1"}'),
    ('objects_revises_uid_check', '{"revises_uid": "1.23456789.123456789.123456789.123456789.123456789.123456789.12345"}'),
    ('objects_state_check', '{"state": "current"}'),
    ('objects_source_check', '{"source": "fax"}'),
    ('instances_size_check', '{"size": -1}'),
    ('protocol_codes_equivalent_check', '{"equivalent": -1}'),
    ('protocol_codes_parent_ordinal_check', '{"role": "reason", "parent_ordinal": 1}'),
    ('protocol_codes_parent_ordinal_check', '{"role": "custodian_institution", "parent_ordinal": 0}'),
    ('protocol_codes_parent_ordinal_check', '{"role": "reason", "parent_ordinal": -1}'),
    ('protocol_codes_role_check', '{"role": "indication", "parent_ordinal": 0}'),
    ('protocol_elements_kind_check', '{"kind": "patient"}'),
    ('parameter_constraints_element_ordinal_check', '{"kind": "patient", "element_ordinal": 1}'),
    ('parameter_constraints_element_ordinal_check', '{"kind": "storage", "element_ordinal": 0}'),
    ('parameter_constraints_element_ordinal_check', '{"kind": "storage", "element_ordinal": -1}'),
    ('parameter_constraints_kind_check', '{"kind": "scan", "element_ordinal": 1}'),
    ('instructions_kind_check', '{"kind": "advice"}'),
    ('application_entities_address_check', '{"port": null}'),
    ('application_entities_address_check', '{"host": null}'),
    ('application_entities_ae_class_check', '{"ae_class": ""}'),
    ('application_entities_ae_class_check', '{"ae_class": "Scanner"}'),
    ('application_entities_ae_class_check', '{"ae_class": "3d"}'),
    ('application_entities_ae_class_check', '{"ae_class": "two words"}'),
    ('application_entities_ae_class_check', '{"ae_class": "seventeen-letters"}'),
    ('application_entities_ae_title_check', '{"ae_title": ""}'),
    ('application_entities_ae_title_check', '{"ae_title": "SEVENTEEN_LETTERS"}'),
    ('application_entities_ae_title_check', '{"ae_title": " CT"}'),
    ('application_entities_ae_title_check', '{"ae_title": "C\\T"}'),
    ('application_entities_called_as_check', '{"called_as": ""}'),
    ('application_entities_called_as_check', '{"called_as": "SEVENTEEN_LETTERS"}'),
    ('application_entities_called_as_check', '{"called_as": "CT "}'),
    ('application_entities_called_as_check', '{"called_as": "C\\T"}'),
    ('application_entities_certificates_check', '{"certificates": [null]}'),
    ('application_entities_certificates_check', '{"certificates": [""]}'),
    ('application_entities_certificates_check', '{"certificates": ["ct1.example"]}'),
    ('application_entities_certificates_check', '{"certificates": ["dns:a b"]}'),
    ('application_entities_certificates_check', '{"certificates": ["dns:*.example"]}'),
    ('application_entities_certificates_check', '{"certificates": ["dns:a", "none"]}'),
    ('application_entities_certificates_check', '{"certificates": ["subject:"]}'),
    ('application_entities_certificates_check', '{"certificates": ["dns:a\ndns:b", ""]}'),
    ('application_entities_certificates_check', '{"certificates": ["sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"]}'),
    ('application_entities_certificates_check', '{"certificates": ["sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg"]}'),
    ('application_entities_host_check', '{"host": ""}'),
    ('application_entities_host_check', '{"host": "a b"}'),
    ('application_entities_max_associations_check', '{"max_associations": 0}'),
    ('application_entities_max_calling_associations_check', '{"max_calling_associations": 0}'),
    ('application_entities_max_operations_check', '{"max_operations": 0}'),
    ('application_entities_port_check', '{"port": 0}'),
    ('application_entities_port_check', '{"port": 65536}'),
    ('application_entities_preferred_character_set_check', '{"preferred_character_set": ""}'),
    ('application_entities_required_assertions_check', '{"required_assertions": [null]}'),
    ('application_entities_required_assertions_form_check', '{"required_assertions": [""]}'),
    ('application_entities_required_assertions_form_check', '{"required_assertions": ["128603/"]}'),
    ('application_entities_required_assertions_form_check', '{"required_assertions": ["128603^DCM"]}'),
    ('application_entities_source_addresses_check', '{"source_addresses": [null]}'),
    ('application_entities_tls_name_check', '{"tls_name": ""}'),
    ('application_entities_tls_name_check', '{"tls_name": "a b"}'),
    ('schema_definitions_is_only_check', '{"is_only": false}'),
    ('destination_slots_slot_check', '{"slot": 0}'),
    ('approval_asserters_assertion_ordinal_check', '{"assertion_ordinal": 0}'),
    ('approval_codes_assertion_ordinal_check', '{"assertion_ordinal": 0}'),
    ('approval_codes_asserter_ordinal_check', '{"role": "assertion", "asserter_ordinal": 1}'),
    ('approval_codes_asserter_ordinal_check', '{"role": "person", "asserter_ordinal": 0}'),
    ('approval_codes_asserter_ordinal_check', '{"role": "person", "asserter_ordinal": -1}'),
    ('approval_codes_equivalent_check', '{"equivalent": -1}'),
    ('approval_codes_role_check', '{"role": "witness", "asserter_ordinal": 1}'),
    ('approval_related_assertions_assertion_ordinal_check', '{"assertion_ordinal": 0}'),
    ('supersessions_superseded_uid_check', '{"superseded_uid": "1.x"}'),
    ('supersessions_superseded_uid_check', '{"superseded_uid": "1.23456789.123456789.123456789.123456789.123456789.123456789.12345"}'),
    ('changes_operation_check', '{"operation": "truncate", "old_row": {}}'),
    ('changes_rows_check', '{"operation": "insert", "old_row": {}}'),
    ('changes_rows_check', '{"operation": "update"}'),
    ('changes_rows_check', '{"operation": "delete", "old_row": {}}'),
    ('audit_events_operation_check', '{"operation": "C-FIND"}'),
    ('audit_events_status_check', '{"status": -1}'),
    ('audit_events_status_check', '{"status": 65536}'),
    ('repository_is_only_check', '{"is_only": false}'),
    ('repository_manufacturer_check', '{"manufacturer": ""}'),
    ('repository_manufacturer_check', '{"manufacturer": "12345678901234567890123456789012345678901234567890123456789012345"}'),
    ('repository_manufacturer_model_name_check', '{"manufacturer_model_name": ""}'),
    ('repository_manufacturer_model_name_check', '{"manufacturer_model_name": "12345678901234567890123456789012345678901234567890123456789012345"}'),
    ('repository_device_serial_number_check', '{"device_serial_number": ""}'),
    ('repository_device_serial_number_check', '{"device_serial_number": "12345678901234567890123456789012345678901234567890123456789012345"}'),
    ('repository_uid_root_check', '{"uid_root": "1"}'),
    ('repository_uid_root_check', '{"uid_root": "1.02"}'),
    ('repository_uid_root_check', '{"uid_root": "1.23456789.123456789.12345"}'),
    ('repository_institution_check', '{"institution": "St. Luke"}'),
    ('attributes_tag_check', '{"tag": "0018006"}'),
    ('attributes_tag_check', '{"tag": "0018006g"}'),
    ('attributes_vr_check', '{"vr": "ds"}'),
    ('assertion_codes_code_check', '{"code": "1/2"}'),
    ('assertion_codes_code_check', '{"code": "128603^DCM"}'),
    ('assertion_codes_code_meaning_check', '{"code_meaning": ""}'),
    ('assertion_codes_code_meaning_check', '{"code_meaning": "12345678901234567890123456789012345678901234567890123456789012345"}'),
    ('assertion_codes_withdraws_check', '{"is_positive": true, "withdraws": ["128603"]}'),
    ('assertion_codes_withdraws_check', '{"is_positive": false, "withdraws": [null]}'),
    ('asserter_roles_code_check', '{"code": "1/2"}'),
    ('asserter_roles_code_check', '{"code": "128670^DCM"}'),
    ('asserter_roles_code_meaning_check', '{"code_meaning": ""}'),
    ('asserter_roles_code_meaning_check', '{"code_meaning": "12345678901234567890123456789012345678901234567890123456789012345"}'),
    ('trusted_approvers_asserter_check', '{"asserter": ""}'),
    ('trusted_approvers_role_check', '{"role": "1/2"}'),
    ('trusted_approvers_role_check', '{"role": "128670^DCM"}'),
    ('trusted_approvers_sender_aet_check', '{"sender_aet": ""}'),
    ('trusted_approvers_sender_aet_check', '{"sender_aet": "SEVENTEEN_LETTERS"}'),
    ('trusted_approvers_sender_aet_check', '{"sender_aet": "CT "}'),
    ('trusted_approvers_sender_aet_check', '{"sender_aet": "C\\T"}'),
    ('authored_documents_digest_check', '{"digest": "\\x00"}');
-- Where the expression itself has no value
insert into cases
values
    ('repository_time_zone_check', '{"time_zone": "Europe/Nowhere"}', '22023'),
    ('application_entities_required_assertions_check', '{"required_assertions": "{{128603},{128605}}"}', '0A000'),
    ('application_entities_source_addresses_check', '{"source_addresses": "{{::1},{::2}}"}', '0A000'),
    ('assertion_codes_withdraws_check', '{"is_positive": false, "withdraws": "{{128603},{128605}}"}', '0A000');
-- Keys beside the primary key, which a copy would violate first
insert into cases
values
    ('objects_sop_instance_uid_key', '{"id": -1}'),
    ('application_entities_ae_title_key', '{"id": -1}'),
    ('trusted_approvers_sender_aet_key', '{"id": -1}'),
    ('attributes_keyword_idx', '{"tag": "99999999"}');

-- What is said when a row like the first one of a table, but with what the patch says, is inserted.
create function pg_temp.refusal(relation text, patch jsonb)
returns text language plpgsql as $$
declare
    state text;
    name text;
    column_name text;
begin
    execute format(
        'insert into dpp.%1$I overriding system value
        select (jsonb_populate_record(t, $1)).* from dpp.%1$I as t order by t.ctid limit 1', relation)
    using patch;
    return 'none';
exception
    when others then
        get stacked diagnostics
            state = returned_sqlstate, name = constraint_name, column_name = column_name;
        return concat_ws(' ', state, coalesce(nullif(name, ''), nullif(column_name, '')));
end
$$;
create temporary view constraints as
select t.relname as relation, c.conname as name, c.contype as type, c.conkey as key
from pg_constraint as c
join pg_class as t on t.oid = c.conrelid
where c.connamespace = 'dpp'::regnamespace
union all
select t.relname, i.relname, 'u', x.indkey::int2[]
from pg_index as x
join pg_class as i on i.oid = x.indexrelid
join pg_class as t on t.oid = x.indrelid
where t.relnamespace = 'dpp'::regnamespace and x.indisunique
    and not exists (select from pg_constraint as c where c.conindid = x.indexrelid);

begin;
select plan(7 + count(*)::int) from cases;
select is_empty(
    $$
        select t.relname
        from pg_class as t
        where t.relnamespace = 'dpp'::regnamespace and t.relkind = 'r'
            and query_to_xml(format('select from dpp.%I', t.relname), false, false, '')::text !~ '<row'
    $$,
    'every table has a row to begin with');
select is_empty(
    $$select c.relation, c.name from constraints as c where c.type not in ('p', 'f') and c.name not in (select s.name from cases as s)$$,
    'every check and key is tried here');
select is_empty(
    $$select s.name from cases as s where s.name not in (select c.name from constraints as c)$$,
    'what is tried is there');

-- Without triggers, which would complete or guard, and without foreign keys
set local session_replication_role = replica;
select is(
    pg_temp.refusal(c.relation, s.patch),
    coalesce(s.refusal, case c.type when 'u' then '23505 ' else '23514 ' end || c.name),
    format('%s refuses %s', s.name, s.patch))
from cases as s
join constraints as c on c.name = s.name
order by c.relation, s.name, s.patch;
select is_empty(
    $$
        select c.relation, c.name, r.refusal
        from constraints as c
        cross join lateral pg_temp.refusal(c.relation, '{}') as r (refusal)
        where c.type = 'p' and r.refusal is distinct from '23505 ' || c.name
    $$,
    'no primary key twice');
select is_empty(
    $$
        select t.relname, a.attname, r.refusal
        from pg_class as t
        join pg_attribute as a on a.attrelid = t.oid and a.attnum > 0 and a.attnotnull and not a.attisdropped
        cross join lateral pg_temp.refusal(t.relname, jsonb_build_object(a.attname, null)) as r (refusal)
        where t.relnamespace = 'dpp'::regnamespace and t.relkind = 'r' and r.refusal is distinct from '23502 ' || a.attname
    $$,
    'no null where none may be');
set local session_replication_role = origin;
select is_empty(
    $$
        select c.relation, c.name, r.refusal
        from constraints as c
        join pg_attribute as a on a.attrelid = ('dpp.' || c.relation)::regclass and a.attnum = c.key[1]
        cross join lateral pg_temp.refusal(c.relation, jsonb_build_object(a.attname, -1)) as r (refusal)
        where c.type = 'f' and r.refusal is distinct from '23503 ' || c.name
    $$,
    'nothing refers to what is not there');
select is_empty(
    $$select c.relation, c.name from constraints as c where c.type not in ('c', 'f', 'p', 'u')$$, 'no constraints of other kinds');

select * from finish();
rollback;
