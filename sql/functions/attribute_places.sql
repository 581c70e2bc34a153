-- Where the rows of a protocol stand in its data set, for rendering (render.sql).
--
-- A place is a key that sorts as the data set does: tag (8 digits) and item number (10 digits) of each sequence from the
-- outside in; '' is the data set itself. Each row of a table is an item at a place.

create or replace function dpp.item_number(ordinal bigint)
returns text language sql immutable parallel safe as $$
    select lpad(ordinal::text, 10, '0')
$$;
comment on function dpp.item_number(bigint) is 'An item''s number as a part of a place: ten digits';

create or replace function dpp.element_sequence(kind text)
returns text language sql immutable parallel safe as $$
    select case kind
        when 'acquisition' then '0018991F'
        when 'reconstruction' then '00189933'
        when 'storage' then '00189935'
    end
$$;
comment on function dpp.element_sequence(text) is 'Tag of the sequence that holds the elements of a kind';

create or replace function dpp.constraint_place(kind text, element_ordinal int, ordinal int)
returns text language sql immutable parallel safe as $$
    select case kind
        when 'patient' then '00189911'
        else dpp.element_sequence(kind) || dpp.item_number(element_ordinal) || '00189913'
    end || dpp.item_number(ordinal)
$$;
comment on function dpp.constraint_place(text, int, int) is 'Place of a row of dpp.parameter_constraints';

create or replace function dpp.instruction_place(kind text, ordinal int)
returns text language sql immutable parallel safe as $$
    select case kind when 'instruction' then '00189914' else '0018991B' end || dpp.item_number(ordinal)
$$;
comment on function dpp.instruction_place(text, int) is 'Place of a row of dpp.instructions';

create or replace function dpp.code_place(role text, parent_ordinal int, ordinal int, equivalent int)
returns text language sql immutable parallel safe as $$
    select case role
        when 'custodian_institution' then '0040A07C' || dpp.item_number(parent_ordinal) || '00080082'
        when 'responsible_group' then '00080220'
        when 'scheduled_protocol' then '00189906'
        when 'requested_procedure' then '00189907'
        when 'reason' then '00189909'
        when 'contraindication' then '0018990B'
        when 'anatomic_region' then '00082218'
        when 'primary_structure' then '00082228'
        when 'positioning_method' then '0018991C'
    end || dpp.item_number(ordinal) || case when equivalent > 0 then '00080121' || dpp.item_number(equivalent) else '' end
$$;
comment on function dpp.code_place(text, int, int, int) is 'Place of a row of dpp.protocol_codes';
