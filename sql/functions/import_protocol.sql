-- Authoring documents of files into protocols, each once. dppr import calls this, once for each document and so in a transaction
-- of its own; it is as good from SQL.
--
-- An import that was cut off and begins anew meets what it has done already, so a document needs an identity: its
-- sop_instance_uid; else a UID that follows from its id, so that a changed document of the same id is found out; else
-- one that follows from the whole document.

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

create or replace function dpp.import_protocol(p_document jsonb, p_as_draft boolean default false)
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    uid text;
    document_digest constant bytea := dpp.document_digest(p_document);
    known record;
begin
    if jsonb_typeof(p_document) is distinct from 'object' then
        raise exception 'an authoring document is a JSON object, not %', coalesce(jsonb_typeof(p_document), 'null')
            using errcode = 'invalid_parameter_value';
    end if;
    uid := dpp.uid_of_document(p_document);
    select o.state, coalesce(d.digest = document_digest, false) as is_same
    into known
    from dpp.objects as o
    left join dpp.authored_documents as d on d.object_id = o.id
    where o.sop_instance_uid = uid;
    if found then
        return case
            when known.state = 'retired' then 'retired'
            when known.is_same and (known.state = 'published' or p_as_draft) then 'same'
            when known.state = 'draft' then 'draft'
            else 'different'
        end;
    end if;
    if exists (select from dpp.tombstones as t where t.sop_instance_uid = uid) then
        return 'purged';
    end if;

    perform dpp.load_protocol(p_document || jsonb_build_object('sop_instance_uid', uid));
    insert into dpp.authored_documents (object_id, document_id, digest)
    select o.id, p_document ->> 'id', document_digest
    from dpp.objects as o
    where o.sop_instance_uid = uid;
    if not p_as_draft then
        perform dpp.publish(uid);
    end if;
    return 'stored';
end
$$;
comment on function dpp.import_protocol(jsonb, boolean) is
    'Makes a protocol of an authoring document (docs/authoring.md) and publishes it, or leaves it a draft. Returns stored, or what is known of its SOP Instance UID (dpp.uid_of_document): same for the same document, different, draft, retired, purged';
