-- Authoring documents of files into protocols, each once. dppr import calls this, once for each document and so in a transaction
-- of its own; it is as good from SQL.
--
-- An import that was cut off and begins anew meets what it has done already. Which protocol a document becomes follows from
-- it (uid_of_document.sql); that it is the same document is told by its digest, since an author may have changed the draft,
-- and publishing completes it.

create or replace function dpp.import_protocol(p_document jsonb, p_as_draft boolean default false)
returns text language plpgsql
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
