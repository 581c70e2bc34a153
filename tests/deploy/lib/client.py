#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that a case needs beside `dppr` itself. The DICOM side is that of tests/integration (dicomwire.py).

    client.py files FOLDER                      the samples as DICOM files, UID.dcm
    client.py certificates FOLDER               ca.pem, server.pem and server.key of dppr.example
    client.py hold HOST PORT TITLE NUMBER       opens so many associations, says `open`, waits for the end of its input; then
                                                each must still answer a C-ECHO
    client.py receive HOST PORT                 a move destination; says `open`, at the end of its input the UIDs that came
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/deploy/load")]

import pydicom

from certificates import Authority
from destination import Destination
from dicomwire import EXPLICIT, IMPLICIT, VERIFICATION, Wire


def files(folder):
    for source in sorted((ROOT / "samples/dicom").glob("*.json")):
        document = json.loads(source.read_text())
        for values in document if isinstance(document, list) else [document]:
            ds = pydicom.Dataset.from_json(values)
            ds.file_meta = pydicom.dataset.FileMetaDataset()
            ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
            ds.is_little_endian, ds.is_implicit_VR = True, False
            ds.save_as(pathlib.Path(folder) / f"{ds.SOPInstanceUID}.dcm", write_like_original=False)


def certificates(folder):
    Authority(folder).issue("server", alt_names="DNS:dppr.example")
    for made in pathlib.Path(folder).iterdir():
        made.chmod(0o644)  # for the container's user


def wait():
    print("open", flush=True)
    sys.stdin.read()


def hold(host, port, title, number):
    wires = [Wire(int(port), host).associate([(1, VERIFICATION, [IMPLICIT])], calling=title) for _ in range(int(number))]
    wait()
    for wire in wires:
        assert wire.echo() == 0
        wire.release()


def receive(host, port):
    destination = Destination(host, int(port), EXPLICIT)
    wait()
    print("\n".join(sorted(uid for title in list(destination.boxes) for uid in destination.box(title))))


{"files": files, "certificates": certificates, "hold": hold, "receive": receive}[sys.argv[1]](*sys.argv[2:])
