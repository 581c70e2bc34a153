-- The way past the guard (guard.sql), for functions of this schema that write what nobody else may. The setting counts only
-- while statements run with the rights of who owns the tables, so it is of no use to anybody else.
--
-- It is set by statements of the function and not as one of its settings (`create function ... set`), which only a
-- superuser may have for a name that PostgreSQL does not know; the owner need not be one. An error that ends
-- the function takes it back, as it does with all that is local to a transaction.

create or replace function dpp.open_door()
returns text language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    before constant text := current_setting('dpp.maintenance', true);
begin
    perform set_config('dpp.maintenance', 'on', true);
    return before;
end
$$;
comment on function dpp.open_door() is
    'Sets dpp.maintenance for what the calling function writes. Returns how it was, for dpp.close_door';

create or replace function dpp.close_door(p_before text)
returns void language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('dpp.maintenance', coalesce(p_before, ''), true);
end
$$;
comment on function dpp.close_door(text) is 'Sets dpp.maintenance as it was before dpp.open_door';
