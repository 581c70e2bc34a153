-- The triggers of functions/derive_protocol.sql and functions/derive_approval.sql.
create or replace trigger protocols_derive
    before insert or update on dpp.protocols
    for each row execute function dpp.derive_protocol();
comment on trigger protocols_derive on dpp.protocols is 'Keeps the derived columns true';

create or replace trigger objects_derive
    after update of timezone_offset on dpp.objects
    for each row
    when (old.timezone_offset is distinct from new.timezone_offset)
    execute function dpp.derive_from_object();
comment on trigger objects_derive on dpp.objects is 'Keeps derived columns of other tables true';

create or replace trigger approvals_derive
    before insert or update on dpp.approvals
    for each row execute function dpp.derive_approval();
comment on trigger approvals_derive on dpp.approvals is 'Keeps the derived columns true';

create or replace trigger approval_assertions_derive
    before insert or update on dpp.approval_assertions
    for each row execute function dpp.derive_approval_assertion();
comment on trigger approval_assertions_derive on dpp.approval_assertions is 'Keeps the derived columns true';

create or replace trigger approval_asserters_derive
    before insert or update on dpp.approval_asserters
    for each row execute function dpp.derive_approval_asserter();
comment on trigger approval_asserters_derive on dpp.approval_asserters is 'Keeps the derived columns true';
