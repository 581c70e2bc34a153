-- Whether a version is no longer current, as far as somebody can see: a published version that meets what is required of it
-- has its place, directly or through published ones that do not meet it. A retired one gives back the place that it had
-- (dpp.current_protocols).

create or replace function dpp.is_superseded(p_uid text, p_required text[] default '{}')
returns boolean language plpgsql stable parallel safe cost 10000 as $$
begin
    return exists (
        with recursive newer (sop_instance_uid) as (
            select n.sop_instance_uid
            from dpp.supersessions as s
            join dpp.objects as n on n.id = s.object_id
            where s.superseded_uid = p_uid and n.state = 'published'
            union
            select n.sop_instance_uid
            from newer as w
            join dpp.supersessions as s on s.superseded_uid = w.sop_instance_uid
            join dpp.objects as n on n.id = s.object_id
            where n.state = 'published'
        )
        select
        from newer as w
        where w.sop_instance_uid <> p_uid
            and (
                p_required = '{}'
                or p_required <@ array(
                    select r.requirement
                    from dpp.requirements_met as r
                    where r.sop_instance_uid = w.sop_instance_uid)));
end
$$;
comment on function dpp.is_superseded(text, text[]) is
    'Whether a published version, for which all of these requirements are met (dpp.requirements_met), has the place of the one with this SOP Instance UID, directly or through other published ones';
