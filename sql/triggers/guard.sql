-- The triggers of functions/guard.sql. One condition for all. It is asked for every row that dpp.ingest writes, hence no function of ours.
do $$
declare
    closed constant text :=
        'current_setting(''dpp.maintenance'', true) is distinct from ''on'''
        ' or not has_table_privilege(''dpp.objects''::regclass, ''TRIGGER'')';
    relation text;
begin
    foreach relation in array array[
        'instances', 'dataset_warnings', 'protocols', 'protocol_custodians', 'protocol_codes', 'protocol_models',
        'protocol_predecessors', 'protocol_elements', 'parameter_constraints', 'instructions', 'approvals',
        'approval_subjects', 'approval_assertions', 'approval_asserters', 'approval_codes',
        'approval_related_assertions', 'authored_documents']
    loop
        execute format(
            'create or replace trigger %I after insert or update or delete on dpp.%I for each row when (%s)'
                ' execute function dpp.guard_item()',
            relation || '_guard', relation, closed);
        execute format(
            'comment on trigger %I on dpp.%I is ''Only drafts are changed, and who changed what is noted''',
            relation || '_guard', relation);
        commit;
    end loop;

    foreach relation in array array['protocols', 'approvals'] loop
        execute format(
            'create or replace trigger %I before delete on dpp.%I for each row when (%s)'
                ' execute function dpp.guard_header()',
            relation || '_items', relation, closed);
        execute format(
            'comment on trigger %I on dpp.%I is ''Items go one by one, each noted''', relation || '_items', relation);
        commit;
    end loop;

    execute format(
        'create or replace trigger objects_guard before insert or update or delete on dpp.objects'
            ' for each row when (%s) execute function dpp.guard_object()', closed);
    comment on trigger objects_guard on dpp.objects is 'Only drafts are changed';
    commit;
    execute format(
        'create or replace trigger objects_note after insert or update or delete on dpp.objects'
            ' for each row when (%s) execute function dpp.note_object()', closed);
    comment on trigger objects_note on dpp.objects is
        'No draft with a UID that was purged; who changed what is noted';
    commit;

    foreach relation in array array['tombstones', 'supersessions', 'changes', 'audit_events'] loop
        execute format(
            'create or replace trigger %I before update or delete on dpp.%I for each row when (%s)'
                ' execute function dpp.refuse_rewrite()',
            relation || '_guard', relation, closed);
        execute format(
            'comment on trigger %I on dpp.%I is ''Rows are only added''', relation || '_guard', relation);
        commit;
    end loop;

    execute format(
        'create or replace trigger audit_events_origin before insert on dpp.audit_events for each row'
            ' when (new.operation in (''publish'', ''revise'', ''retire'', ''purge'', ''rebuild'', ''forget'') and (%s))'
            ' execute function dpp.refuse_event()',
        closed);
    comment on trigger audit_events_origin on dpp.audit_events is 'What functions do is said by them';
    commit;

    foreach relation in array array[
        'objects', 'instances', 'dataset_warnings', 'protocols', 'protocol_custodians', 'protocol_codes',
        'protocol_models', 'protocol_predecessors', 'protocol_elements', 'parameter_constraints', 'instructions',
        'approvals', 'approval_subjects', 'approval_assertions', 'approval_asserters', 'approval_codes',
        'approval_related_assertions', 'authored_documents', 'tombstones', 'supersessions', 'changes', 'audit_events']
    loop
        execute format(
            'create or replace trigger %I before truncate on dpp.%I for each statement when (%s)'
                ' execute function dpp.refuse_truncate()',
            relation || '_stay', relation, closed);
        execute format(
            'comment on trigger %I on dpp.%I is ''No truncate''', relation || '_stay', relation);
        commit;
    end loop;
end
$$;
