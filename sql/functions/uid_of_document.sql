-- The identity of authoring documents: the SOP Instance UID that one gives; else a UID that follows from its id; else one that
-- follows from the whole document. So the same document is known a second time, and documents can refer to each other.

create or replace function dpp.document_digest(p_document jsonb)
returns bytea language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select sha256(convert_to(p_document::text, 'UTF8'))
$$;
comment on function dpp.document_digest(jsonb) is
    'What tells an authoring document from others: neither the order of its members nor white space plays a part';

-- A UUID of version 8 (RFC 9562 5.8: made as its maker likes, here from a digest) as a number under 2.25 (PS3.5 B.2).
create or replace function dpp.uid_of_digest(p_digest bytea)
returns text language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select '2.25.' || trim_scale(sum(get_byte(u.octets, n) * 256::numeric ^ (15 - n)))
    from (
        select set_byte(
            set_byte(substr(p_digest, 1, 16), 6, get_byte(p_digest, 6) & 15 | 128), 8, get_byte(p_digest, 8) & 63 | 128)
    ) as u (octets)
    cross join generate_series(0, 15) as n
$$;
comment on function dpp.uid_of_digest(bytea) is 'A UID that follows from a digest of 16 octets or more';

create or replace function dpp.uid_of_document(p_document jsonb)
returns text language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        p_document ->> 'sop_instance_uid',
        dpp.uid_of_digest(sha256(convert_to('dppr authoring document ' || (p_document ->> 'id'), 'UTF8'))),
        dpp.uid_of_digest(dpp.document_digest(p_document)))
$$;
comment on function dpp.uid_of_document(jsonb) is
    'SOP Instance UID of the protocol that an authoring document becomes: the one that it gives, or one that follows from its id, or from all of it';
