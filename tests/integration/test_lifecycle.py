# SPDX-License-Identifier: Apache-2.0
"""Drafts, publishing, revising, retiring and purging by several sessions at once, each logged in as a member of its role; and
the repository without a superuser. What one session does alone is in tests/sql/lifecycle.sql and guard.sql.

Nothing depends on time: who has to wait is seen to wait for a lock before what it waits for ends.
"""
import contextlib
import io
import os
import random
import subprocess
import threading
import time
import uuid

import psycopg2
import pytest

from conftest import SAMPLES, Database, Server, cluster_uri, find_json, run_dppr, with_database
from dicomwire import CT_PROTOCOL, EXPLICIT, PATIENCE_S, Wire, encode
from protocols import protocol

REFUSED, IN_USE, DEADLOCK, NO_DATA = "55000", "55006", "40P01", "P0002"


class Author:
    """A session of its own; a transaction until it is ended."""

    def __init__(self, database, login, isolation=None):
        self.database = database
        self.connection = psycopg2.connect(with_login(database.uri, login))
        if isolation:
            self.connection.set_session(isolation_level=isolation)
        self.pid = self.connection.get_backend_pid()

    def run(self, sql, *parameters):
        """The first value, if any."""
        cursor = self.connection.cursor()
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0] if cursor.description else None

    def commit(self):
        self.connection.commit()

    def rollback(self):
        self.connection.rollback()

    def does(self, sql, *parameters):
        """And commits."""
        answer = self.run(sql, *parameters)
        self.commit()
        return answer

    def start(self, sql, *parameters):
        """In a thread, which is returned as soon as it waits for a lock, or (lock_object.sql) a moment before it tries again."""
        later = Later(self, sql, parameters)
        deadline = time.monotonic() + 60
        while not self.database.query(
                "select 1 from pg_stat_activity where pid = %s and (wait_event_type = 'Lock' or wait_event = 'PgSleep')",
                (self.pid,)):
            assert not later.is_done.is_set(), f"does not wait: {later.outcome()}"
            assert time.monotonic() < deadline, "neither ends nor waits"
            time.sleep(0.002)
        return later


class Later:
    def __init__(self, author, sql, parameters):
        self.author, self.sql, self.parameters = author, sql, parameters
        self.answer = self.error = None
        self.is_done = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            self.answer = self.author.run(self.sql, *self.parameters)
            self.author.commit()
        except psycopg2.Error as error:
            self.error = error
            self.author.rollback()
        finally:
            self.is_done.set()

    def outcome(self):
        """SQLSTATE and message, or the answer."""
        assert self.is_done.wait(60), "still waits"
        return (self.error.pgcode, str(self.error)) if self.error else self.answer


def with_login(uri, login):
    return uri.replace("://" + uri.split("://")[1].split("@")[0] + "@", f"://{login}@")


@pytest.fixture(scope="module")
def people(database):
    """Logins of the cluster, with names of this run's own: {name: login}"""
    mark = uuid.uuid4().hex[:8]
    logins = {name: f"{name}_{mark}" for name in ("karl", "anna", "otto")}
    for name, login in logins.items():
        database.query(f"create role {login} login in role {'dppr_admin' if name == 'otto' else 'dppr_author'}")
    yield logins
    database.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = any (%s)", (list(logins.values()),))
    for login in logins.values():
        database.query(f"drop role {login}")


@pytest.fixture
def session(database, people):
    """session(name) -> Author"""
    with contextlib.ExitStack() as stack:
        def begin(name, isolation=None):
            author = Author(database, people[name], isolation)
            stack.callback(author.connection.close)
            return author
        yield begin


DRAFT = """
    with o as (
        insert into dpp.objects (sop_instance_uid, sop_class_uid) values (dpp.new_uid(), '1.2.840.10008.5.1.4.1.1.200.1')
        returning id, sop_instance_uid
    ), p as (
        insert into dpp.protocols (object_id, protocol_name, equipment_modality, content_creator_name)
        select id, 'Head', 'CT', 'Doe^Jane' from o
    ), c as (
        insert into dpp.protocol_codes (object_id, role, ordinal, code_value, coding_scheme_designator, code_meaning)
        select id, r, 1, 'CTHEAD', '99TEST', 'Head' from o cross join unnest(array['scheduled_protocol', 'requested_procedure']) as r
    ), e as (
        insert into dpp.protocol_elements (object_id, kind, ordinal, element_name)
        select id, 'acquisition', n, 'Element ' || n from o cross join generate_series(1, 2) as n
    ), k as (
        insert into dpp.parameter_constraints (
            object_id, kind, element_ordinal, ordinal, selector_keyword, constraint_type, constraint_values)
        select id, 'acquisition', n, 1, 'KVP', 'EQUAL', '{120}' from o cross join generate_series(1, 2) as n
    )
    select sop_instance_uid from o"""
ADD = """insert into dpp.instructions (object_id, kind, ordinal, instruction_index, instruction_text)
         select id, 'instruction', 1, 1, 'Late arrival' from dpp.objects where sop_instance_uid = %s"""
CHANGE = """update dpp.protocols set design_rationale = 'Late arrival'
            where object_id = (select id from dpp.objects where sop_instance_uid = %s)"""
REMOVE = """delete from dpp.parameter_constraints where element_ordinal = 2
            and object_id = (select id from dpp.objects where sop_instance_uid = %s)"""


DELETE = "delete from dpp.objects where sop_instance_uid = %s"


def published(author):
    return author.does("select dpp.publish(%s)", author.does(DRAFT))


def is_as_rendered(database, uid):
    """Whether the octets that are sent are those of the rows."""
    return database.query("select (dpp.encode(o.id, false)).dataset = i.dataset from dpp.objects o"
                          " join dpp.instances i on i.object_id = o.id where o.sop_instance_uid = %s", (uid,)) == [(True,)]


# ---- a row and publish ----

@pytest.mark.parametrize("change", [ADD, CHANGE, REMOVE], ids=["insert", "update", "delete"])
def test_a_row_that_was_there_first_is_in_what_is_published(database, session, change):
    karl, anna = session("karl"), session("anna")
    uid = karl.does(DRAFT)
    anna.run(change, uid)
    publishing = karl.start("select dpp.publish(%s)", uid)
    anna.commit()
    assert publishing.outcome() == uid
    assert is_as_rendered(database, uid)
    octets = bytes(database.query("select dataset from dpp.instances join dpp.objects on id = object_id"
                                  " where sop_instance_uid = %s", (uid,))[0][0])
    assert octets.count(bytes.fromhex("72002600")) == (1 if change == REMOVE else 2), "Selector Attribute"
    assert (b"Late arrival" in octets) == (change != REMOVE)


@pytest.mark.parametrize("change", [ADD, CHANGE, REMOVE], ids=["insert", "update", "delete"])
@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_a_row_that_comes_during_publish(database, session, change, ending):
    karl, anna = session("karl"), session("anna")
    uid = karl.does(DRAFT)
    karl.run("select dpp.publish(%s)", uid)
    writing = anna.start(change, uid)
    getattr(karl, ending)()
    if ending == "commit":
        code, message = writing.outcome()
        assert code == REFUSED and f"{uid} is published" in message and "dpp.revise" in message
        assert is_as_rendered(database, uid)
    else:
        assert writing.outcome() is None
        assert karl.does("select dpp.publish(%s)", uid) == uid
        assert is_as_rendered(database, uid)


def test_a_snapshot_from_before_publish_writes_nothing(database, session):
    karl, anna = session("karl"), session("anna", "REPEATABLE READ")
    uid = karl.does(DRAFT)
    assert anna.run("select count(*) from dpp.objects") > 0
    karl.does("select dpp.publish(%s)", uid)
    with pytest.raises(psycopg2.errors.SerializationFailure):
        anna.run(ADD, uid)
    assert is_as_rendered(database, uid)


@pytest.mark.parametrize("statement", ["select dpp.publish(%s)", "select dpp.revise(%s)"])
@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_publish_and_revise_need_to_see_what_was_committed(session, isolation, statement):
    anna = session("anna", isolation)
    with pytest.raises(psycopg2.Error) as refusal:
        anna.run(statement, anna.run(DRAFT))
    assert refusal.value.pgcode == "25000" and "read committed" in str(refusal.value)


def test_writers_of_one_draft_do_not_wait_for_each_other(session):
    karl, anna = session("karl"), session("anna")
    uid = karl.does(DRAFT)
    karl.run(ADD, uid)
    anna.run(CHANGE, uid)
    anna.commit()
    karl.commit()
    assert karl.does("select dpp.publish(%s)", uid) == uid


def test_two_who_have_written_publish(database, session):
    """Each waits for the other: one is told why, the other publishes."""
    karl, anna = session("karl"), session("anna")
    uid = karl.does(DRAFT)
    karl.run(ADD, uid)
    anna.run(CHANGE, uid)
    first, second = Later(karl, "select dpp.publish(%s)", (uid,)), Later(anna, "select dpp.publish(%s)", (uid,))
    outcomes = [first.outcome(), second.outcome()]
    assert uid in outcomes
    (code, message), = [o for o in outcomes if o != uid]
    assert code == DEADLOCK and "is being changed in another transaction" in message
    assert is_as_rendered(database, uid)


@pytest.mark.parametrize("table, change", [("protocols", CHANGE), ("parameter_constraints", REMOVE)])
@pytest.mark.parametrize("statement", ["select dpp.publish(%s)", "select dpp.purge(%s, 'test')"])
def test_a_row_that_another_session_has_before_the_draft(session, statement, table, change):
    """Between the lock of a row and that of its draft, which a statement takes one after the other: no deadlock."""
    otto, anna = session("otto"), session("anna")
    uid = otto.does(DRAFT)
    anna.run(f"select 1 from dpp.{table} where object_id = (select id from dpp.objects where sop_instance_uid = %s) for update", uid)
    waiting = otto.start(statement, uid)
    anna.does(change, uid)
    assert waiting.outcome() == uid


def test_a_row_that_another_session_keeps(session):
    karl, anna = session("karl"), session("anna")
    uid = karl.does(DRAFT)
    anna.run("select 1 from dpp.protocols where object_id = (select id from dpp.objects where sop_instance_uid = %s) for update", uid)
    karl.run("set local lock_timeout = '20ms'")
    with pytest.raises(psycopg2.errors.LockNotAvailable, match=f"{uid} is being changed in another session"):
        karl.run("select dpp.publish(%s)", uid)


def test_a_draft_is_deleted_while_another_session_has_a_row(session):
    karl, anna = session("karl"), session("anna")
    uid = karl.does(DRAFT)
    anna.run("select 1 from dpp.protocols where object_id = (select id from dpp.objects where sop_instance_uid = %s) for update", uid)
    with pytest.raises(psycopg2.errors.LockNotAvailable, match="is being changed in another session"):
        karl.run(DELETE, uid)
    karl.rollback()
    anna.does(CHANGE, uid)
    karl.does(DELETE, uid)


# ---- two authors ----

@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_two_revise_the_same_version(session, people, ending):
    karl, anna = session("karl"), session("anna")
    uid = published(karl)
    draft = karl.run("select dpp.revise(%s)", uid)
    revising = anna.start("select dpp.revise(%s)", uid)
    getattr(karl, ending)()
    if ending == "rollback":
        assert revising.outcome().startswith("2.25.")
        return
    code, message = revising.outcome()
    assert code == IN_USE
    assert f"{uid} is being revised already: draft {draft} by {people['karl']} since" in message and "p_alongside" in message
    assert anna.does("select dpp.revise(%s, p_alongside => true)", uid) != draft


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_two_publish_in_place_of_the_same_version(database, session, people, ending):
    karl, anna = session("karl"), session("anna")
    uid = published(karl)
    mine = karl.does("select dpp.revise(%s)", uid)
    hers = anna.does("select dpp.revise(%s, p_alongside => true)", uid)
    karl.run("select dpp.publish(%s)", mine)
    publishing = anna.start("select dpp.publish(%s)", hers)
    getattr(karl, ending)()
    current = "select sop_instance_uid from dpp.current_protocols where sop_instance_uid = any (%s) order by object_id"
    if ending == "rollback":
        assert publishing.outcome() == hers
        assert database.query(current, ([uid, mine, hers],)) == [(hers,)]
        return
    code, message = publishing.outcome()
    assert code == REFUSED
    assert f"{uid} has been superseded already by {mine}, published by {people['karl']} on" in message and "dpp.diff" in message
    assert database.query(current, ([uid, mine, hers],)) == [(mine,)]
    assert anna.does("select dpp.publish(%s, array[%s])", hers, mine) == hers
    assert database.query(current, ([uid, mine, hers],)) == [(hers,)]


def test_publish_twice_at_once(session, people):
    karl, anna = session("karl"), session("anna")
    uid = karl.does(DRAFT)
    karl.run("select dpp.publish(%s)", uid)
    publishing = anna.start("select dpp.publish(%s)", uid)
    karl.commit()
    code, message = publishing.outcome()
    assert code == REFUSED and f"{uid} is no draft: it was published by {people['karl']}" in message


@pytest.mark.parametrize("later, error", [
    ("select dpp.retire(%s, 'twice')", (REFUSED, "was retired already by")),
    ("select dpp.revise(%s)", None),
    ("select dpp.purge(%s, 'test')", None),
])
def test_while_it_is_being_retired(session, later, error):
    karl, otto = session("karl"), session("otto")
    uid = published(karl)
    karl.run("select dpp.retire(%s, 'test')", uid)
    waiting = otto.start(later, uid)
    karl.commit()
    if error:
        code, message = waiting.outcome()
        assert code == error[0] and error[1] in message
    else:
        assert isinstance(waiting.outcome(), str)


@pytest.mark.parametrize("later", ["select dpp.publish(%s)", "select dpp.purge(%s, 'twice')", ADD])
def test_while_it_is_being_purged(database, session, later):
    karl, otto = session("karl"), session("otto")
    uid = karl.does(DRAFT)
    otto.run("select dpp.purge(%s, 'test')", uid)
    waiting = session("otto").start(later, uid)
    otto.commit()
    code, _ = waiting.outcome()
    assert code in (NO_DATA, "23503"), "gone, or without the object that the row is to belong to"
    assert database.query("select reason from dpp.tombstones where sop_instance_uid = %s", (uid,)) == [("test",)]


def test_a_draft_with_a_uid_that_is_being_purged(session):
    karl, otto = session("karl"), session("otto")
    uid = published(karl)
    otto.run("select dpp.purge(%s, 'test')", uid)
    insert = "insert into dpp.objects (sop_instance_uid, sop_class_uid) values (%s, '1.2')"
    waiting = karl.start(insert, uid)
    otto.commit()
    code, message = waiting.outcome()
    assert code == REFUSED and "was deleted for good" in message


# ---- nothing is left of what did not happen ----

def test_what_is_rolled_back_has_never_been(database, session):
    karl = session("karl")
    uid, draft = published(karl), karl.does(DRAFT)
    tables = [row[0] for row in database.query(
        "select relname from pg_class where relnamespace = 'dpp'::regnamespace and relkind = 'r' order by 1")]
    content = "select " + ", ".join(f"(select md5(string_agg(t::text, '' order by t::text)) from dpp.{t} as t)" for t in tables)
    before = database.query(content)
    revision = karl.run("select dpp.revise(%s)", uid)
    karl.run("select dpp.publish(%s)", revision)
    karl.run("select dpp.publish(%s)", draft)
    karl.run("select dpp.retire(%s, 'test')", uid)
    seen = database.query("select state from dpp.objects where sop_instance_uid = any (%s)", ([uid, draft, revision],))
    assert sorted(seen) == [("draft",), ("published",)], "nobody else sees it before"
    assert database.query(content) == before
    karl.rollback()
    assert database.query(content) == before


# ---- many at once ----

def test_no_deadlock_and_no_late_row(database, session):
    """Four authors do what they like to few protocols, each operation a transaction: whatever is refused is refused for a reason,
    nobody waits for ever, and what is published is what the rows say."""
    first = session("karl")
    uids = [published(first) for _ in range(3)]
    expected = {REFUSED, IN_USE, NO_DATA, "23503", "23505", "23514", "55P03"}
    done, unexpected, lock = [], [], threading.Lock()

    def work(seed):
        choice = random.Random(seed)
        author = session("otto")
        for _ in range(60):
            with lock:
                uid = choice.choice(uids)
            statement = choice.choice([
                "select dpp.revise(%s, p_alongside => true)", "select dpp.publish(%s)", "select dpp.retire(%s, 'test')",
                "select dpp.purge(%s, 'test')", ADD, CHANGE, REMOVE, DRAFT, DELETE, "select dpp.publish(%s)", ADD])
            try:
                author.run("set local lock_timeout = '50s'")
                answer = author.does(statement, *([uid] if "%s" in statement else []))
                if answer:
                    with lock:
                        uids.append(answer)
                done.append(statement)
            except psycopg2.Error as error:
                author.rollback()
                if error.pgcode not in expected:
                    unexpected.append((error.pgcode, statement, str(error)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads)
    assert unexpected == []
    assert len({s for s in done}) == 9, "each has been done"
    assert database.query("select count(*) from dpp.objects o left join dpp.instances i on i.object_id = o.id"
                          " where o.state <> 'draft' and (i.dataset is null or o.query_record is null"
                          " or i.dataset <> (dpp.encode(o.id, false)).dataset)") == [(0,)]
    assert database.query("select count(*) from dpp.objects o join dpp.instances i on i.object_id = o.id"
                          " where o.state = 'draft'") == [(0,)]


# ---- COPY, dump and restore, a site without superusers ----

def test_copy_writes_drafts(database, session):
    karl = session("karl")
    uid = karl.does(DRAFT)
    key = karl.run("select id from dpp.objects where sop_instance_uid = %s", uid)
    copy = "copy dpp.instructions (object_id, kind, ordinal, instruction_index, instruction_text) from stdin"

    def rows(count):
        return "".join(f"{key}\tinstruction\t{n}\t{n}\tText {n}\n" for n in range(1, count + 1))
    karl.connection.cursor().copy_expert(copy, io.StringIO(rows(3)))
    assert karl.does("select dpp.publish(%s)", uid) == uid
    assert database.query("select count(*) from dpp.changes where sop_instance_uid = %s and relation = 'instructions'",
                          (uid,)) == [(3,)]
    with pytest.raises(psycopg2.Error) as refusal:
        karl.connection.cursor().copy_expert(copy, io.StringIO(f"{key}\tinstruction\t4\t4\tx\n"))
    assert refusal.value.pgcode == REFUSED


@pytest.fixture(scope="module")
def site():
    """A database that belongs to an owner who is no superuser, migrated by it: (Database as the owner, logins)"""
    db = Database(migrate=False)
    everything = db.uri
    mark = uuid.uuid4().hex[:8]
    logins = {name: f"{name}_{mark}" for name in ("owner", "server", "author", "admin")}
    db.query(f"create role {logins['owner']} login createrole")
    db.query(f"alter database {db.name} owner to {logins['owner']}")
    db.uri = with_login(everything, logins["owner"])
    run_dppr("migrate", database=db.uri, check=True)
    # From PostgreSQL 16 on only who made a role, here perhaps the owner of another database, can grant it.
    db._admin(f"grant dppr_server, dppr_author, dppr_admin to {logins['owner']} with admin option")
    for name in ("server", "author", "admin"):
        db.query(f"create role {logins[name]} login in role dppr_{name}")
    yield db, logins
    db.drop()
    connection = psycopg2.connect(cluster_uri())
    connection.autocommit = True
    for login in reversed(logins.values()):  # the owner has granted to the others
        connection.cursor().execute(f"drop role {login}")
    connection.close()


def test_a_site_without_superusers(site):
    """Schema, server, authors and admin: none of them is a superuser."""
    db, logins = site
    as_author = Author(db, logins["author"])
    uid = published(as_author)
    server = Server(with_login(db.uri, logins["server"]))
    try:
        ds = protocol()
        wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT])])
        assert wire.store(1, encode(ds, EXPLICIT), CT_PROTOCOL, ds.SOPInstanceUID).status == 0
        wire.release()
        assert db.query("select published_by from dpp.objects where sop_instance_uid = %s",
                        (ds.SOPInstanceUID,)) == [(logins["server"],)]
        assert uid in str(find_json(server, "-k", "SOPInstanceUID=" + uid))
        as_author.does("select dpp.retire(%s, 'test')", uid)
        assert uid not in str(find_json(server, "-k", "SOPInstanceUID=" + uid))
    finally:
        assert server.stop() == 0
    as_admin = with_login(db.uri, logins["admin"])
    run_dppr("import", SAMPLES, database=as_admin, check=True)
    run_dppr("rebuild", database=as_admin, check=True)
    assert db.query("select count(*) from dpp.objects where state = 'published' and published_by = %s",
                    (logins["admin"],))[0][0] > 0
    with pytest.raises(psycopg2.Error) as refusal:
        db.query("update dpp.protocols set protocol_name = 'x'")
    assert refusal.value.pgcode == REFUSED, "the owner too"
    db.amend("update dpp.protocols set design_rationale = design_rationale")
    run_dppr("migrate", database=db.uri, check=True)
    as_author.connection.close()


@pytest.mark.parametrize("how", ["whole", "data only"])
def test_dump_and_restore(site, reachable, how):
    """As docs/schema.md tells it: the whole database as it is, data alone with the owner's way past the guard."""
    db, logins = site
    as_author = Author(db, logins["author"])
    uid = published(as_author)
    draft = as_author.does("select dpp.revise(%s)", uid)
    as_author.does("select dpp.retire(%s, 'test')", published(as_author))
    as_author.connection.close()
    content = ("select o.sop_instance_uid, o.state, o.published_by, p.protocol_name, md5(i.dataset),"
               " (select count(*) from dpp.changes), (select count(*) from dpp.audit_events)"
               " from dpp.objects o join dpp.protocols p on p.object_id = o.id"
               " left join dpp.instances i on i.object_id = o.id order by 1")
    before = db.query(content)
    assert len(before) >= 3
    dump = reachable / "dump"
    options = ["--data-only", "--schema", "dpp"] if how == "data only" else []
    subprocess.run(["pg_dump", "--format", "custom", *options, "--file", dump, "--dbname", db.uri], check=True)
    restored = Database(migrate=False)
    try:
        Database.query(restored, f"alter database {restored.name} owner to {logins['owner']}")
        restored.uri = with_login(restored.uri, logins["owner"])
        environment = dict(os.environ)
        if how == "data only":
            run_dppr("migrate", database=restored.uri, check=True)
            restored.amend("truncate dpp.schema_migrations, dpp.schema_definitions, dpp.repository, dpp.attributes,"
                           " dpp.assertion_codes, dpp.asserter_roles, dpp.trusted_approvers")
            environment["PGOPTIONS"] = "-c dpp.maintenance=on"
        subprocess.run(["pg_restore", "--exit-on-error", "--no-comments", "--dbname", restored.uri, dump], check=True,
                       env=environment)
        assert restored.query(content) == before
        with pytest.raises(psycopg2.Error) as refusal:
            restored.query(CHANGE, (uid,))
        assert refusal.value.pgcode == REFUSED
        again = Author(restored, logins["author"])
        assert again.does("select dpp.publish(%s)", draft) == draft
        again.connection.close()
    finally:
        restored.drop()
