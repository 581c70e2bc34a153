-- What rows of drafts need not say: triggers fill it in before the row is written, also with COPY.
--
-- They run for everybody but the functions that write received objects, whose rows stay as they were received
-- (`set dpp.maintenance`; see the guard). What is written is never changed to something else; only what is null, or what
-- belongs together and would disagree, is set:
--
--   object_id       null: the object that was made last in this transaction
--   ordinal         null: one more than the last among its siblings
--   element_number, instruction_index
--                   null: the ordinal; and they follow it when it is changed
--   codes           a code_value of more than 16 characters is a long_code_value, a URN or URL a urn_code_value
--   selectors       tag, keyword, name and VR from whichever of them is there; when one is changed the others follow
--   selector_path   begins with the sequence of its kind, keywords in it become tags, missing item numbers are 1
--   numbers         those of the texts, or the texts from the numbers when only these are there; a change of either changes the other
--   unit            UCUM and its meaning
--   other_attributes
--                   loses what it says of a column that is changed, or the change would not be seen

create or replace function dpp.draft_in_progress()
returns bigint language plpgsql stable as $$
declare
    draft bigint := nullif(current_setting('dpp.draft', true), '');
begin
    if draft is null then
        raise exception 'object_id is missing, and this transaction has made no object that it could be'
            using errcode = 'not_null_violation',
                hint = 'Insert into dpp.objects before, in the same transaction, or give object_id (returning id).';
    end if;
    return draft;
end
$$;
comment on function dpp.draft_in_progress() is
    'The key of the object that was inserted last in this transaction: what rows without object_id belong to';

-- What is said of a column both by the column and as received (in other_attributes) is said by the column once that is changed.
create or replace function dpp.other_attributes_after(p_relation text, p_old jsonb, p_new jsonb)
returns jsonb language plpgsql stable as $$
begin
    return (p_new -> 'other_attributes') - array(
        select a.tag
        from dpp.protocol_attributes as a
        where a.relation = p_relation and p_old -> a.column_name is distinct from p_new -> a.column_name);
end
$$;
comment on function dpp.other_attributes_after(text, jsonb, jsonb) is
    'The other_attributes of a changed row without the attributes of columns that were changed';

-- What a check constraint says, in words, before it says it.
create or replace function dpp.refuse_word(p_relation text, p_column text, p_word text)
returns void language plpgsql stable as $$
declare
    is_checked_by constant text := p_relation || '_' || p_column || '_check';
begin
    raise exception 'dpp.%.%: % is not one of %', p_relation, p_column, quote_literal(p_word), (
        select string_agg(w.found[1], ', ' order by w.n)
        from pg_constraint as c
        cross join regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_]+)''', 'g') with ordinality as w (found, n)
        where c.conrelid = ('dpp.' || p_relation)::regclass and c.conname = is_checked_by)
        using errcode = 'check_violation', schema = 'dpp', table = p_relation, column = p_column, constraint = is_checked_by;
end
$$;
comment on function dpp.refuse_word(text, text, text) is
    'The error for a kind or role that there is none of: lists those that there are, as the check constraint of the column has them';

create or replace function dpp.complete_object()
returns trigger language plpgsql as $$
begin
    new.sop_class_uid := coalesce(
        (
            select c.uid
            from (
                values
                    ('CT', '1.2.840.10008.5.1.4.1.1.200.1'),
                    ('XA', '1.2.840.10008.5.1.4.1.1.200.7'),
                    ('APPROVAL', '1.2.840.10008.5.1.4.1.1.200.3')
            ) as c (name, uid)
            where c.name = upper(new.sop_class_uid)
        ),
        new.sop_class_uid);
    if new.sop_class_uid !~ '^[0-9.]+$' then
        raise exception 'dpp.objects.sop_class_uid: % is not one of CT, XA, APPROVAL, and no UID', quote_literal(new.sop_class_uid)
            using errcode = 'check_violation', schema = 'dpp', table = 'objects', column = 'sop_class_uid',
                constraint = 'objects_sop_class_uid_check';
    end if;
    new.sop_instance_uid := coalesce(new.sop_instance_uid, dpp.new_uid());
    if new.sop_instance_uid !~ '^[0-9.]{1,64}$' then
        raise exception 'dpp.objects.sop_instance_uid: % is no UID', quote_literal(new.sop_instance_uid)
            using errcode = 'check_violation', schema = 'dpp', table = 'objects', column = 'sop_instance_uid',
                constraint = 'objects_sop_instance_uid_check', hint = 'Leave it out, and dpp.new_uid() makes one.';
    end if;
    perform set_config('dpp.draft', new.id::text, true);
    return new;
end
$$;
comment on function dpp.complete_object() is
    'Trigger: SOP Instance UID of a draft, SOP class from its name; notes the object for rows that leave object_id out';

create or replace function dpp.complete_header()
returns trigger language plpgsql as $$
begin
    new.object_id := coalesce(new.object_id, dpp.draft_in_progress());
    return new;
end
$$;
comment on function dpp.complete_header() is 'Trigger: object_id of a header';

create or replace function dpp.complete_protocol()
returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.object_id := coalesce(new.object_id, dpp.draft_in_progress());
        if new.equipment_modality is null then
            new.equipment_modality := (
                select case o.sop_class_uid
                    when '1.2.840.10008.5.1.4.1.1.200.1' then 'CT'
                    when '1.2.840.10008.5.1.4.1.1.200.7' then 'XA'
                end
                from dpp.objects as o
                where o.id = new.object_id);
        end if;
    elsif new.other_attributes <> '{}' then
        new.other_attributes := dpp.other_attributes_after(tg_table_name, to_jsonb(old), to_jsonb(new));
    end if;
    return new;
end
$$;
comment on function dpp.complete_protocol() is 'Trigger: Equipment Modality from the SOP class';

create or replace function dpp.next_ordinal_query(p_relation oid, p_keys text[])
returns text language sql stable as $$
    select format('select coalesce(max(t.ordinal), 0) + 1 from %s as t where ', p_relation::regclass)
        || string_agg(format('t.%1$I = ($1).%1$I', k.name), ' and ')
    from unnest(p_keys) as k (name)
$$;
comment on function dpp.next_ordinal_query(oid, text[]) is
    'A query for the ordinal that follows the last of those rows of a table that agree with its parameter, a row, in these columns';

-- Arguments of the trigger: the columns by which its siblings are known.
create or replace function dpp.complete_item()
returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.object_id := coalesce(new.object_id, dpp.draft_in_progress());
        if new.ordinal is null then
            execute dpp.next_ordinal_query(tg_relid, tg_argv) into new.ordinal using new;
        end if;
    elsif new.other_attributes <> '{}' then
        new.other_attributes := dpp.other_attributes_after(tg_table_name, to_jsonb(old), to_jsonb(new));
    end if;
    return new;
end
$$;
comment on function dpp.complete_item() is
    'Trigger: object_id and ordinal of an item, the next among the rows that agree in the columns it is given';

create or replace function dpp.complete_element()
returns trigger language plpgsql as $$
begin
    if new.kind not in ('acquisition', 'reconstruction', 'storage') then
        perform dpp.refuse_word(tg_table_name, 'kind', new.kind);
    end if;
    if tg_op = 'INSERT' then
        new.object_id := coalesce(new.object_id, dpp.draft_in_progress());
        new.ordinal := coalesce(
            new.ordinal,
            new.element_number,
            (
                select coalesce(max(e.ordinal), 0) + 1
                from dpp.protocol_elements as e
                where e.object_id = new.object_id and e.kind = new.kind
            ));
        new.element_number := coalesce(new.element_number, new.ordinal);
        return new;
    end if;
    if new.ordinal <> old.ordinal and old.element_number = old.ordinal and new.element_number = old.element_number then
        new.element_number := new.ordinal;
    end if;
    if new.other_attributes <> '{}' then
        new.other_attributes := dpp.other_attributes_after(tg_table_name, to_jsonb(old), to_jsonb(new));
    end if;
    return new;
end
$$;
comment on function dpp.complete_element() is 'Trigger: ordinal and Protocol Element Number, each from the other';

create or replace function dpp.complete_instruction()
returns trigger language plpgsql as $$
begin
    if new.kind not in ('instruction', 'positioning') then
        perform dpp.refuse_word(tg_table_name, 'kind', new.kind);
    end if;
    if tg_op = 'INSERT' then
        new.object_id := coalesce(new.object_id, dpp.draft_in_progress());
        new.ordinal := coalesce(
            new.ordinal,
            (
                select coalesce(max(i.ordinal), 0) + 1
                from dpp.instructions as i
                where i.object_id = new.object_id and i.kind = new.kind
            ));
        new.instruction_index := coalesce(new.instruction_index, new.ordinal);
        return new;
    end if;
    if new.ordinal <> old.ordinal and old.instruction_index = old.ordinal
        and new.instruction_index = old.instruction_index
    then
        new.instruction_index := new.ordinal;
    end if;
    if new.other_attributes <> '{}' then
        new.other_attributes := dpp.other_attributes_after(tg_table_name, to_jsonb(old), to_jsonb(new));
    end if;
    return new;
end
$$;
comment on function dpp.complete_instruction() is 'Trigger: ordinal and Instruction Index';

-- PS3.3 8.1: a code of up to 16 characters is a Code Value, a longer one a Long Code Value, a URN or URL a URN Code Value.
create or replace function dpp.code_column(value text)
returns text language sql immutable parallel safe as $$
    select case
        when value ~* '^(urn:|[a-z][a-z0-9+.-]*://)' then 'urn_code_value'
        when length(value) > 16 then 'long_code_value'
        else 'code_value'
    end
$$;
comment on function dpp.code_column(text) is
    'The column that a code belongs into, by its length and form: code_value, long_code_value or urn_code_value';

-- Arguments of the trigger as of complete_item.
create or replace function dpp.complete_code()
returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.object_id := coalesce(new.object_id, dpp.draft_in_progress());
        if new.role <> all (array[
            'custodian_institution', 'responsible_group', 'scheduled_protocol', 'requested_procedure', 'reason',
            'contraindication', 'anatomic_region', 'primary_structure', 'positioning_method', 'assertion', 'institution',
            'person', 'organizational_role', 'asserter_institution', 'department_type'])
        then
            perform dpp.refuse_word(tg_table_name, 'role', new.role);
        end if;
        if tg_relid = 'dpp.protocol_codes'::regclass then
            if new.role = 'custodian_institution' and new.parent_ordinal = 0 then
                new.parent_ordinal := 1;
            end if;
        end if;
        if new.ordinal is null then
            execute dpp.next_ordinal_query(tg_relid, tg_argv) into new.ordinal using new;
        end if;
    elsif new.other_attributes <> '{}' then
        new.other_attributes := dpp.other_attributes_after(tg_table_name, to_jsonb(old), to_jsonb(new));
    end if;
    if new.code_value is not null and new.long_code_value is null and new.urn_code_value is null then
        case dpp.code_column(new.code_value)
            when 'urn_code_value' then
                new.urn_code_value := new.code_value;
                new.code_value := null;
            when 'long_code_value' then
                new.long_code_value := new.code_value;
                new.code_value := null;
            else null;
        end case;
    end if;
    return new;
end
$$;
comment on function dpp.complete_code() is
    'Trigger: object_id and ordinal of a code, its custodian, and which of the three attributes of a code its value goes to';
