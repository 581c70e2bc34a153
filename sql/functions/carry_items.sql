-- Items of items of a draft go and move with the item that they are in: parameters with their element, codes of an
-- institution with their custodian. They are tied to it by its ordinal only, and would else be those of whatever element
-- gets that number next, which is no fault that dpp.problems could see.
--
-- Equivalent codes have the ordinal of their code itself, so that one statement moves both; they only go with it.

-- Arguments of the trigger: the table of the inner items; the columns that say what they are in, there and here; of which
-- of them this holds; whether they move too.
create or replace function dpp.carry_items()
returns trigger language plpgsql as $$
declare
    inner_key constant text := tg_argv[1];
    outer_key constant text := tg_argv[2];
begin
    if tg_op = 'DELETE' then
        execute format(
            'delete from dpp.%I as c where c.object_id = $1.object_id and (%s) = (select %s from (select $1.*) as o) and %s',
            tg_argv[0], inner_key, outer_key, tg_argv[3])
        using old;
    elsif tg_argv[4]::boolean then
        execute format(
            'update dpp.%1$I as c set (object_id, %2$s) = (select o.object_id, %3$s from (select $2.*) as o)'
                ' where c.object_id = $1.object_id and (%2$s) = (select %3$s from (select $1.*) as o)'
                ' and (select row(o.object_id, %3$s) from (select $1.*) as o) <> (select row(o.object_id, %3$s) from (select $2.*) as o)'
                ' and %4$s',
            tg_argv[0], inner_key, outer_key, tg_argv[3])
        using old, new;
    end if;
    return null;
end
$$;
comment on function dpp.carry_items() is
    'Trigger: deletes what is in an item of a draft with it, and moves it along when the item gets another number';
