-- The derived columns of dpp.protocols, kept true whoever writes the row.

create or replace function dpp.derive_protocol()
returns trigger language plpgsql as $$
declare
    folded text := dpp.fold_name(new.content_creator_name);
begin
    new.creation_date := dpp.parse_da(new.instance_creation_date);
    new.creation_time := dpp.parse_tm(new.instance_creation_time);
    new.creation_datetime := new.creation_date + new.creation_time;
    new.creation_instant := null;
    if new.creation_datetime is not null then
        new.creation_instant := dpp.instant_of(new.creation_datetime, dpp.offset_of_object(new.object_id));
    end if;
    new.content_creator_folded := dpp.folded_name_entries(folded);
    new.content_creator_search := dpp.name_search(new.content_creator_folded);
    new.content_creator_sounds := dpp.folded_name_sounds(folded);
    return new;
end
$$;
comment on function dpp.derive_protocol() is 'Trigger: fills the derived columns of dpp.protocols';

-- What is derived from the object's time zone, when that changes.
create or replace function dpp.derive_from_object()
returns trigger language plpgsql as $$
begin
    update dpp.protocols set object_id = object_id where object_id = new.id;
    update dpp.approvals set object_id = object_id where object_id = new.id;
    update dpp.approval_assertions set object_id = object_id where object_id = new.id;
    return null;
end
$$;
comment on function dpp.derive_from_object() is
    'Trigger: derives anew what depends on Timezone Offset From UTC of the object';
