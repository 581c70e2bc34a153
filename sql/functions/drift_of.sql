-- How far what scanners stored back is from this repository: dpp.diff of each latest pair of dpp.drift, against the version that
-- is named and against the one that has its place now. What always differs (creation, equipment that made the instance, creator,
-- predecessor) is counted apart from the rest, which is what the scanner does otherwise.

create or replace function dpp.drift_of(
    p_ae_title text default null,
    relative_tolerance numeric default 1e-12,
    absolute_tolerance numeric default 0
)
returns table (
    ae_title text,
    stored_uid text,
    stored_at timestamptz,
    protocol_name text,
    against text,
    repository_uid text,
    differences bigint,
    parameter_differences bigint,
    administrative_differences bigint
)
language plpgsql stable
as $$
#variable_conflict use_column
begin
    return query
    select
        d.ae_title, d.stored_uid, d.stored_at, d.protocol_name, v.against, v.uid,
        n.others, n.parameters, n.administrative
    from dpp.drift as d
    cross join lateral (
        select 'named'::text as against, d.repository_uid as uid
        union all
        select 'current', d.current_uid
        where d.current_uid <> d.repository_uid
    ) as v
    cross join lateral (
        select
            count(*) filter (where not f.is_administrative) as others,
            count(*) filter (where f.part in ('acquisition', 'reconstruction', 'storage', 'patient', 'positioning')) as parameters,
            count(*) filter (where f.is_administrative) as administrative
        from (
            select
                x.part,
                x.part = 'predecessor'
                    or x.part = 'protocol' and x.tag in (
                        '00080012', '00080013', '00080070', '00081090', '00181000', '00181020', '00700084', '00080201')
                    as is_administrative
            from dpp.diff(v.uid, d.stored_uid, relative_tolerance, absolute_tolerance) as x
        ) as f
    ) as n
    where d.is_latest and (p_ae_title is null or d.ae_title = p_ae_title)
    order by d.ae_title, d.stored_at, d.stored_uid, v.against desc;
end
$$;
comment on function dpp.drift_of(text, numeric, numeric) is
    'How many differences there are between what a scanner (null: all) stored back last and the version it names, and the current one where that is another: in all but the administrative ones, in parameters, and administrative ones. Tolerances as of dpp.diff';
