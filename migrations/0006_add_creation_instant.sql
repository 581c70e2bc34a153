-- compatible
-- Instance Creation Date and Time as an instant, for queries with time zone adjustment (PS3.4 K.5.1). It is there when
-- the object says its own zone, Timezone Offset From UTC (0008,0201); the zone of the site, where it does not, is a
-- setting of the servers and is put in by the query. Rows that are there are filled by 0009.

alter table dpp.protocols add column creation_instant timestamptz;
comment on column dpp.protocols.creation_instant is
    'creation_datetime as an instant by Timezone Offset From UTC (0008,0201) of the object; null when it has none. Derived, do not write';

-- What fills it, as in sql/functions, so that rows stored between this migration and the definitions have it too.

create or replace function dpp.parse_offset(value text)
returns interval language plpgsql immutable strict parallel safe as $$
declare
    minutes int;
begin
    if value !~ '^ *[+-][0-9]{2}[0-5][0-9] *$' then
        return null;
    end if;
    value := trim(value);
    minutes := (substr(value, 1, 1) || '1')::int * (substr(value, 2, 2)::int * 60 + substr(value, 4, 2)::int);
    if minutes not between -12 * 60 and 14 * 60 then
        return null;
    end if;
    return make_interval(mins => minutes);
end
$$;

create or replace function dpp.instant_of(local timestamp, utc_offset interval)
returns timestamptz language sql immutable strict parallel safe as $$
    select (local - utc_offset) at time zone 'UTC'
$$;

create or replace function dpp.derive_protocol()
returns trigger language plpgsql as $$
begin
    new.creation_date := dpp.parse_da(new.instance_creation_date);
    new.creation_time := dpp.parse_tm(new.instance_creation_time);
    new.creation_datetime := new.creation_date + new.creation_time;
    new.creation_instant := null;
    if new.creation_datetime is not null then
        new.creation_instant := (
            select dpp.instant_of(new.creation_datetime, dpp.parse_offset(o.timezone_offset))
            from dpp.objects as o
            where o.id = new.object_id);
    end if;
    new.content_creator_folded := dpp.fold_name_entries(new.content_creator_name);
    new.content_creator_search := case
        when new.content_creator_folded <> '{}'
        then E'\n' || array_to_string(new.content_creator_folded, E'\n') || E'\n'
    end;
    return new;
end
$$;
