-- The triggers of functions/carry_items.sql.
do $$
declare
    item record;
begin
    for item in
        select *
        from (
            values
                ('protocol_elements', 'parameter_constraints', 'kind, element_ordinal', 'o.kind, o.ordinal', 'true', true),
                ('protocol_custodians', 'protocol_codes', 'parent_ordinal', 'o.ordinal', 'role = ''custodian_institution''', true),
                ('protocol_codes', 'protocol_codes', 'role, parent_ordinal, ordinal', 'o.role, o.parent_ordinal, o.ordinal',
                    '$1.equivalent = 0', false),
                ('approval_assertions', 'approval_asserters', 'assertion_ordinal', 'o.ordinal', 'true', true),
                ('approval_assertions', 'approval_codes', 'assertion_ordinal', 'o.ordinal', 'true', true),
                ('approval_assertions', 'approval_related_assertions', 'assertion_ordinal', 'o.ordinal', 'true', true),
                ('approval_asserters', 'approval_codes', 'assertion_ordinal, asserter_ordinal',
                    'o.assertion_ordinal, o.ordinal', 'true', true),
                ('approval_codes', 'approval_codes', 'role, assertion_ordinal, asserter_ordinal, ordinal',
                    'o.role, o.assertion_ordinal, o.asserter_ordinal, o.ordinal', '$1.equivalent = 0', false)
        ) as v (outer_table, inner_table, inner_key, outer_key, condition, moves)
    loop
        -- As the guard (guard.sql): not for what the functions write. By its name it fires after that, which tells of the item itself.
        execute format(
            'create or replace trigger %I after delete or update on dpp.%I for each row when ('
                'current_setting(''dpp.maintenance'', true) is distinct from ''on'''
                ' or not has_table_privilege(''dpp.objects''::regclass, ''TRIGGER''))'
                ' execute function dpp.carry_items(%L, %L, %L, %L, %L)',
            item.outer_table || '_with_' || item.inner_table, item.outer_table, item.inner_table, item.inner_key,
            item.outer_key, item.condition, item.moves);
        execute format(
            'comment on trigger %I on dpp.%I is ''What is in an item goes and moves with it''',
            item.outer_table || '_with_' || item.inner_table, item.outer_table);
        commit;
    end loop;
end
$$;
