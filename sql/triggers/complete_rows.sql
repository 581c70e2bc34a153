-- The triggers of functions/complete_rows.sql and functions/complete_constraint.sql.
do $$
declare
    item record;
    not_received constant text := $when$
        when (current_setting('dpp.maintenance', true) is distinct from 'on'
            or not has_table_privilege('dpp.objects'::regclass, 'TRIGGER'))
    $when$;
begin
    -- One for each table, as conditions cost time where rows are received too. Triggers fire in the order of their names,
    -- this one before those that derive and guard.
    for item in
        select t.*
        from (
            values
                ('objects', 'insert', 'complete_object()'),
                ('protocols', 'insert or update', 'complete_protocol()'),
                ('protocol_custodians', 'insert or update', 'complete_item(''object_id'')'),
                ('protocol_codes', 'insert or update', 'complete_code(''object_id'', ''role'', ''parent_ordinal'')'),
                ('protocol_models', 'insert or update', 'complete_item(''object_id'')'),
                ('protocol_predecessors', 'insert or update', 'complete_item(''object_id'')'),
                ('instructions', 'insert or update', 'complete_instruction()'),
                ('protocol_elements', 'insert or update', 'complete_element()'),
                ('parameter_constraints', 'insert or update', 'complete_constraint()'),
                ('approvals', 'insert', 'complete_header()'),
                ('approval_subjects', 'insert or update', 'complete_item(''object_id'')'),
                ('approval_assertions', 'insert or update', 'complete_item(''object_id'')'),
                ('approval_asserters', 'insert or update',
                    'complete_item(''object_id'', ''assertion_ordinal'')'),
                ('approval_codes', 'insert or update',
                    'complete_code(''object_id'', ''role'', ''assertion_ordinal'', ''asserter_ordinal'')'),
                ('approval_related_assertions', 'insert or update',
                    'complete_item(''object_id'', ''assertion_ordinal'')')
        ) as t (relation, operations, call)
    loop
        execute format(
            'create or replace trigger %1$s_complete before %2$s on dpp.%1$s for each row %3$s execute function dpp.%4$s',
            item.relation, item.operations, not_received, item.call);
        execute format(
            'comment on trigger %1$s_complete on dpp.%1$s is %2$L', item.relation, 'Fills in what a row of a draft leaves out');
        commit;
    end loop;
end
$$;
