-- UIDs that are made here: 2.25 and a UUID as a number (PS3.5 B.2), or the same number under the repository's own root.

create or replace function dpp.new_uid()
returns text language sql volatile as $$
    select coalesce((select r.uid_root from dpp.repository as r), '2.25') || '.' || (
        select sum(('x' || lpad(substr(u.hex, 8 * n + 1, 8), 16, '0'))::bit(64)::bigint::numeric * 4294967296::numeric ^ (3 - n))::numeric(39)
        from generate_series(0, 3) as n
    )
    from (select replace(gen_random_uuid()::text, '-', '')) as u (hex)
$$;
comment on function dpp.new_uid() is
    'A UID that nobody else has: 2.25.<UUID as a number>, or the number under dpp.repository.uid_root';
