-- The derived columns of dpp.protocols, kept true whoever writes the row.

create or replace function dpp.derive_protocol()
returns trigger language plpgsql as $$
begin
    new.creation_date := dpp.parse_da(new.instance_creation_date);
    new.creation_time := dpp.parse_tm(new.instance_creation_time);
    new.creation_datetime := new.creation_date + new.creation_time;
    new.content_creator_folded := dpp.fold_name_entries(new.content_creator_name);
    new.content_creator_search := case
        when new.content_creator_folded <> '{}'
        then E'\n' || array_to_string(new.content_creator_folded, E'\n') || E'\n'
    end;
    return new;
end
$$;
comment on function dpp.derive_protocol() is 'Trigger: fills the derived columns of dpp.protocols';

create or replace trigger protocols_derive
    before insert or update on dpp.protocols
    for each row execute function dpp.derive_protocol();
comment on trigger protocols_derive on dpp.protocols is 'Keeps the derived columns true';
