-- Who is refused what, and why: operations that ended with a status that is neither success nor warning nor cancelled. What
-- destinations and requesters answered to instances sent is not among them.

create or replace view dpp.refusals as
select
    e.ae_title,
    e.peer_address,
    e.operation,
    e.destination,
    e.status,
    upper(lpad(to_hex(e.status), 4, '0')) as status_code,
    e.details ->> 'why' as why,
    count(*) as times,
    min(e.occurred_at) as first_at,
    max(e.occurred_at) as last_at
from dpp.audit_events as e
where e.status not in (0, 45056, 65024)
    and (e.sop_instance_uid is null or e.operation not in ('get', 'move'))
group by e.ae_title, e.peer_address, e.operation, e.destination, e.status, e.details ->> 'why';

comment on view dpp.refusals is 'What a peer was refused, and why, one row for all that are alike';
comment on column dpp.refusals.ae_title is 'AE title that called';
comment on column dpp.refusals.peer_address is 'Address it called from';
comment on column dpp.refusals.operation is 'find, get, move or store';
comment on column dpp.refusals.destination is 'AE title of the destination of a move';
comment on column dpp.refusals.status is 'DIMSE status';
comment on column dpp.refusals.status_code is 'The same in hexadecimal, as the log has it';
comment on column dpp.refusals.why is 'The reason, as in the log and in the Error Comment';
comment on column dpp.refusals.times is 'How often';
comment on column dpp.refusals.first_at is 'When first';
comment on column dpp.refusals.last_at is 'When last';
