# SPDX-License-Identifier: Apache-2.0
"""Backup and restore by deploy/backup/pgbackup, between clusters that know nothing of each other: a dump, and copies with
an archive of the write-ahead log, to the moment before an accident."""
import contextlib
import datetime
import filecmp
import os
import pathlib
import re
import subprocess
import tempfile

import psycopg2
import pytest

from clusters import own_cluster
from conftest import ROOT, SAMPLES, Server, run_dppr, with_database
from dicomwire import CT_PROTOCOL, EXPLICIT, Wire, encode, wait_for
from protocols import protocol
from test_upgrade import CATALOGUE, LEFT_OVER, OLD

PGBACKUP = ROOT / "deploy/backup/pgbackup"
CONTENT = """
    select o.sop_instance_uid, o.state, o.published_at, o.retired_reason, o.query_record, i.dataset, i.digest, p.protocol_name
    from dpp.objects as o left join dpp.instances as i on i.object_id = o.id left join dpp.protocols as p on p.object_id = o.id
    order by 1"""
COUNTS = """
    select (select count(*) from dpp.audit_events), (select count(*) from dpp.changes), (select count(*) from dpp.tombstones),
        (select count(*) from dpp.supersessions), (select count(*) from dpp.application_entities), (select count(*) from dpp.approvals)"""
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []


def pgbackup(own, *arguments, check=True, **environment):
    """As the user that PostgreSQL runs as, on the cluster and its database."""
    where = dict(PGHOST="127.0.0.1", PGPORT=own.uri.split(":")[-1].split("/")[0], PGUSER="postgres", PGDATABASE="faults",
                 PGDATA=str(own.folder / "data"), DPPR_BACKUP_DIR=str(own.folder.parent / "backup"))
    done = subprocess.run([*AS_POSTGRES, PGBACKUP, *map(str, arguments)], text=True, capture_output=True, check=False,
                          env={**os.environ, **where, **environment}, cwd="/")
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def shared_folder():
    """That the user of PostgreSQL can write to."""
    with tempfile.TemporaryDirectory(prefix="dppr-it-", dir="/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        yield folder


@contextlib.contextmanager
def archiving_cluster():
    with own_cluster("wal_level=replica", "max_wal_senders=4", "archive_mode=on", "archive_timeout=60", "full_page_writes=on",
                     "archive_command=true", migrate=False) as own:
        backup = own.folder.parent / "backup"
        for folder in (backup, backup / "wal", backup / "base"):
            folder.mkdir()
            folder.chmod(0o777)
        own.execute(f"alter system set archive_command = 'DPPR_BACKUP_DIR={backup} {PGBACKUP} archive %p %f'", own.uri)
        own.execute("select pg_reload_conf()", own.uri)
        own.make_database()
        yield own


@pytest.fixture(scope="module")
def source():
    """A repository in which everything has happened that there is."""
    with archiving_cluster() as own:
        run_dppr("import", SAMPLES, database=own.database, check=True)
        own.execute("create role karl login in role dppr_author")
        own.execute("insert into dpp.application_entities (ae_title, host, port, is_destination) values ('CT1', 'ct1', 104, true)")
        uids = [row[0] for row in own.execute("select o.sop_instance_uid from dpp.objects o join dpp.protocols p on p.object_id = o.id"
                                              " where p.protocol_name ilike '%chest%' order by 1 limit 3")]
        own.revised, own.retired, own.purged = uids
        ((own.draft,),) = own.execute(f"select dpp.revise('{own.revised}')")
        own.execute(f"select dpp.retire('{own.retired}', 'test')")
        own.execute(f"select dpp.purge('{own.purged}', 'test')")
        yield own


def catalogue(own, database):
    """A dump puts parentheses and line ends otherwise."""
    return {(kind, name): re.sub(r"[\s()]", "", told) for kind, name, told in own.execute(CATALOGUE, database)}


def exported(database, folder):
    run_dppr("export", folder, database=database, check=True)
    return folder


def refused(own, sql):
    with pytest.raises(psycopg2.Error) as refusal:
        own.execute(sql)
    return refusal.value.pgcode


# ---- dump and load ---------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def restored(source, shared_folder):
    """The dump of the source, loaded into a cluster that has no role of dppr yet."""
    pgbackup(source, "dump", shared_folder / "dump")
    with own_cluster(migrate=False) as own:
        own.told = pgbackup(own, "load", shared_folder / "dump").stderr
        yield own


def test_a_loaded_dump_is_the_same_repository(source, restored, tmp_path):
    assert "loaded: 68 objects" in restored.told  # 68 samples, one purged, one draft
    assert catalogue(restored, restored.database) == catalogue(source, source.database)
    for sql in (CONTENT, COUNTS, "select extname, extversion from pg_extension order by 1"):
        assert restored.execute(sql) == source.execute(sql)
    ours, theirs = exported(restored.database, tmp_path / "ours"), exported(source.database, tmp_path / "theirs")
    names = sorted(p.name for p in theirs.iterdir())
    assert len(names) == 66 and sorted(p.name for p in ours.iterdir()) == names  # neither draft nor retired
    assert filecmp.cmpfiles(ours, theirs, names, shallow=False) == (names, [], [])


def test_roles_come_along_without_passwords(restored):
    assert restored.execute("select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.member"
                            " where m.roleid = 'dppr_author'::regrole") == [("karl",)]
    assert restored.execute("select 'jit=off' = any (rolconfig) from pg_roles where rolname = 'dppr_server'") == [(True,)]


def test_a_loaded_dump_is_guarded_and_goes_on(source, restored):
    uid = source.revised
    change = "update dpp.protocols set protocol_name = 'x' where object_id = (select id from dpp.objects where sop_instance_uid = '{}')"
    assert refused(restored, change.format(uid)) == "55000"
    assert refused(restored, "delete from dpp.audit_events") == "55000"
    assert refused(restored, "truncate dpp.tombstones") == "55000"
    done = run_dppr("import", SAMPLES, database=restored.database)
    assert "0 stored, 66 same, 2 failed" in done.stdout and "has been purged" in done.stderr
    restored.execute(change.format(source.draft).replace("'x'", "'CTPA anew'"))
    assert restored.execute(f"select dpp.publish('{source.draft}')") == [(source.draft,)]
    run_dppr("migrate", database=restored.database, check=True)


def test_a_loaded_dump_serves(source, restored):
    """Sequences too: what is stored next collides with nothing."""
    server = Server(restored.database)
    try:
        stores_and_gets(server)
        doctor = run_dppr("doctor", "--dicom-port", server.port, "--http-port", server.http_port, database=restored.database)
        wrong = [line for line in doctor.stdout.splitlines() if not line.startswith("ok ") and "destination" not in line
                 and "time-zone" not in line and "durability" not in line]
        assert not wrong, doctor.stdout
    finally:
        assert server.stop() == 0


def stores_and_gets(server, *uids):
    ds = protocol()
    octets = encode(ds, EXPLICIT)
    wire = Wire(server.port).associate([(1, CT_PROTOCOL, [EXPLICIT]), (5, "1.2.840.10008.5.1.4.20.3", [EXPLICIT])],
                                       roles=[(CT_PROTOCOL, 1, 1)])
    assert wire.store(1, octets, CT_PROTOCOL, ds.SOPInstanceUID).status == 0
    stored, _, final = wire.get(5, [ds.SOPInstanceUID, *uids])
    wire.release()
    assert final.status == 0 and len(stored) == 1 + len(uids)
    assert [m.data for m in stored if m.command[0x1000] == ds.SOPInstanceUID] == [octets]
    return ds.SOPInstanceUID


def test_loading_keeps_what_was_there_until_it_is_whole(restored, shared_folder):
    before = restored.execute(CONTENT)
    broken = shared_folder / "broken"
    broken.mkdir(exist_ok=True)
    dump = (shared_folder / "dump/database.dump").read_bytes()
    (broken / "database.dump").write_bytes(dump[:len(dump) // 2])
    (broken / "roles.sql").write_bytes((shared_folder / "dump/roles.sql").read_bytes())
    assert pgbackup(restored, "load", broken, check=False).returncode != 0
    assert restored.execute(CONTENT) == before

    connection = psycopg2.connect(restored.database)
    done = pgbackup(restored, "load", shared_folder / "dump", check=False)
    connection.close()
    assert done.returncode == 1 and "is connected to faults and has to leave first" in done.stderr
    assert restored.execute(CONTENT) == before

    done = pgbackup(restored, "load", shared_folder / "dump")
    kept = done.stderr.split("the database that was there is ")[1].split(";")[0]
    assert restored.execute(CONTENT, with_database(restored.uri, kept)) == before
    assert len(restored.execute(CONTENT)) == 68


def test_a_dump_of_an_older_version_is_migrated_further(source, restored, shared_folder):
    source.execute("create database old template template0 encoding 'UTF8'", source.uri)
    subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", with_database(source.uri, "old"), "-f", OLD], check=True,
                   stdout=subprocess.DEVNULL)
    pgbackup(source, "dump", shared_folder / "old", PGDATABASE="old")
    assert "5 objects, schema version 10" in pgbackup(restored, "load", shared_folder / "old", PGDATABASE="older").stderr
    older = with_database(restored.uri, "older")
    run_dppr("migrate", database=older, check=True)
    fresh, here = catalogue(source, source.database), catalogue(restored, older)
    assert {k: v for k, v in fresh.items() if here.get(k) != v} == {}
    assert {k for k in here if k not in fresh} == LEFT_OVER
    server = Server(older)
    try:
        stores_and_gets(server, *[row[0] for row in restored.execute(
            f"select sop_instance_uid from dpp.objects where state = 'published' and sop_class_uid = '{CT_PROTOCOL}'", older)])
    finally:
        assert server.stop() == 0


# ---- copies and the archive ------------------------------------------------------------------------------

def bases(own):
    return sorted(p.name for p in (own.folder.parent / "backup/base").iterdir())


def archived(own):
    """Everything so far is in the archive."""
    ((segment,),) = own.execute("select pg_walfile_name(pg_switch_wal())", own.uri)
    wait_for(lambda: (own.folder.parent / f"backup/wal/{segment}.gz").exists())


def recovered(own, *arguments):
    own.stop()
    told = pgbackup(own, "restore", *arguments).stderr
    own.start()
    return told + pgbackup(own, "finish").stderr


@pytest.fixture(scope="module")
def archiving():
    with archiving_cluster() as own:
        run_dppr("import", SAMPLES, database=own.database, check=True)
        pgbackup(own, "base")
        yield own


def test_back_to_the_moment_before_an_accident_and_forth_again(archiving):
    """What was acknowledged before is there octet for octet, what came later is not; and another way is always left."""
    own = archiving
    ((lost,),) = own.execute(f"select min(sop_instance_uid) from dpp.objects where sop_class_uid = '{CT_PROTOCOL}'")
    server = Server(own.database)
    before = [stores_and_gets(server) for _ in range(3)]
    content = own.execute(CONTENT)
    own.execute(f"select dpp.purge('{lost}', 'the wrong one')")
    ((accident,),) = own.execute("select occurred_at from dpp.audit_events where operation = 'purge'")
    after = stores_and_gets(server)
    assert server.stop() == 0
    archived(own)

    told = recovered(own, "--to", accident.isoformat())
    assert "what was there is" in told and "recovered" in told
    assert own.execute(CONTENT) == content
    assert own.execute("select pg_walfile_name(pg_current_wal_lsn()) like '00000002%'") == [(True,)]
    assert own.execute("select name from pg_file_settings where name like 'recovery%' or name = 'restore_command'") == []
    run_dppr("migrate", database=own.database, check=True)
    server = Server(own.database)
    newer = stores_and_gets(server, lost, *before)
    assert server.stop() == 0
    archived(own)

    recovered(own)  # to the end of what is there: of the new timeline
    uids = {row[0] for row in own.execute(CONTENT)}
    assert newer in uids and lost in uids and after not in uids
    recovered(own, "--timeline", "1")  # as if nothing had been restored
    uids = {row[0] for row in own.execute(CONTENT)}
    assert after in uids and set(before) <= uids and lost not in uids and newer not in uids


def test_a_copy_is_taken_as_needed_and_goes_when_it_is_too_old(archiving):
    own = archiving
    (first,) = bases(own)
    assert pgbackup(own, "restore", check=False).returncode == 1, "while it runs"
    pgbackup(own, "base")
    second = bases(own)[1]
    own.stop()
    assert f"base/{first} is in place" in pgbackup(own, "restore", "--to", stamp(second, -1)).stderr
    assert f"base/{first} is in place" in pgbackup(own, "restore", "--base", first).stderr
    none = pgbackup(own, "restore", "--to", stamp(first, -1), check=False)
    assert none.returncode == 1 and "no copy from before" in none.stderr
    assert f"base/{second} is in place" in pgbackup(own, "restore").stderr
    own.start()
    pgbackup(own, "finish")
    assert f"base/{first}" in pgbackup(own, "list").stdout
    assert min(segments(own)) < "0000000000000003"
    told = pgbackup(own, "base", DPPR_BACKUP_KEEP="1").stderr
    assert f"base/{first} was too old" in told and len(bases(own)) == 1
    oldest = pgbackup(own, "list").stdout.split("from WAL ")[1].split()[0]
    assert segments(own) and min(segments(own)) >= oldest[8:], "whatever its timeline"


def segments(own):
    return sorted(p.name[8:24] for p in (own.folder.parent / "backup/wal").iterdir() if len(p.name) == 24 + len(".gz"))


def stamp(name, seconds):
    when = datetime.datetime.strptime(name, "%Y%m%dT%H%M%S%z") + datetime.timedelta(seconds=seconds)
    return when.isoformat()


def test_the_archive_is_never_written_over(tmp_path):
    """archive_command: the same again is fine, something else of the same name is refused, half a file never has its name."""
    folder = tmp_path / "backup"
    (folder / "wal").mkdir(parents=True)

    def run(*arguments):
        return subprocess.run([PGBACKUP, *map(str, arguments)], env={**os.environ, "DPPR_BACKUP_DIR": str(folder)}, check=False,
                              capture_output=True, text=True).returncode
    one, other, back = tmp_path / "one", tmp_path / "other", tmp_path / "back"
    one.write_bytes(b"1" * 4096)
    other.write_bytes(b"2" * 4096)
    assert [run("archive", one, "W"), run("archive", one, "W"), run("archive", other, "W")] == [0, 0, 1]
    assert run("fetch", "W", back) == 0 and back.read_bytes() == one.read_bytes()
    assert run("fetch", "V", back) == 1
    assert run("archive", tmp_path / "none", "V") != 0 and run("fetch", "V", back) == 1
