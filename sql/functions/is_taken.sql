-- What the views of the fleet count as fetched: a sub-operation that ended as success or with a warning.

create or replace function dpp.is_taken(status int)
returns boolean language sql immutable parallel safe as $$
    select status = 0 or status between 45056 and 49151
$$;
comment on function dpp.is_taken(int) is
    'Whether a DIMSE status says that an instance was taken: success (0000) or a warning (B000 to BFFF, PS3.7 C)';
