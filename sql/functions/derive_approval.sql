-- The derived columns of Protocol Approvals, kept true whoever writes the rows.

create or replace function dpp.derive_approval()
returns trigger language plpgsql as $$
begin
    new.creation_date := dpp.parse_da(new.instance_creation_date);
    new.creation_time := dpp.parse_tm(new.instance_creation_time);
    new.creation_datetime := new.creation_date + new.creation_time;
    new.creation_instant := dpp.instant_of(new.creation_datetime, dpp.offset_of_object(new.object_id));
    return new;
end
$$;
comment on function dpp.derive_approval() is 'Trigger: fills the derived columns of dpp.approvals';

create or replace function dpp.derive_approval_assertion()
returns trigger language plpgsql as $$
declare
    object_offset interval := dpp.offset_of_object(new.object_id);
    own_offset interval := dpp.parse_dt_offset(new.assertion_datetime);
begin
    new.assertion_datetime_local := dpp.parse_dt(new.assertion_datetime);
    new.assertion_datetime_has_offset := own_offset is not null;
    new.assertion_datetime_instant := dpp.instant_of(
        new.assertion_datetime_local, coalesce(own_offset, object_offset));

    own_offset := dpp.parse_dt_offset(new.expiration_datetime);
    new.expiration_datetime_local := dpp.parse_dt(new.expiration_datetime);
    new.expiration_datetime_has_offset := own_offset is not null;
    new.expiration_datetime_instant := dpp.instant_of(
        new.expiration_datetime_local, coalesce(own_offset, object_offset));
    return new;
end
$$;
comment on function dpp.derive_approval_assertion() is 'Trigger: fills the derived columns of dpp.approval_assertions';

create or replace function dpp.derive_approval_asserter()
returns trigger language plpgsql as $$
declare
    folded text := dpp.fold_name(new.person_name);
begin
    new.person_name_folded := dpp.folded_name_entries(folded);
    new.person_name_search := dpp.name_search(new.person_name_folded);
    new.person_name_sounds := dpp.folded_name_sounds(folded);
    return new;
end
$$;
comment on function dpp.derive_approval_asserter() is 'Trigger: fills the derived columns of dpp.approval_asserters';
