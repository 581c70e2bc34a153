# SPDX-License-Identifier: Apache-2.0
"""Certificates made by the openssl program while a test runs."""
import pathlib
import ssl
import subprocess


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **options).stdout


class Certificate:
    """Files of one certificate, and its key."""

    def __init__(self, folder, name):
        self.name = name
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"

    def fingerprint(self):
        return openssl("x509", "-in", self.certificate, "-noout", "-fingerprint", "-sha256").strip().split("=")[1]

    def serial(self):
        return openssl("x509", "-in", self.certificate, "-noout", "-serial").strip().split("=")[1]


class Authority(Certificate):
    """issue(name, ...) makes certificates; dates are YYYYMMDDHHMMSSZ."""

    def __init__(self, folder, name="ca"):
        super().__init__(pathlib.Path(folder), name)
        self.folder, self.issued = pathlib.Path(folder), 0
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key,
                "-out", self.certificate, "-days", 400, "-subj", f"/CN={name}", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, subject=None, alt_names="DNS:localhost,IP:127.0.0.1", days=100, rsa=False, file=None,
              expired=False, purpose=None):
        self.issued += 1
        made = Certificate(self.folder, file or name)
        request, extensions = self.folder / "request", self.folder / "extensions"
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("req", "-newkey", *kind, "-nodes", "-keyout", made.key, "-out", request, "-subj", subject or f"/CN={name}")
        lines = ["authorityKeyIdentifier=keyid"] + ([f"subjectAltName={alt_names}"] if alt_names else [])
        lines += [f"extendedKeyUsage={purpose}"] if purpose else []
        extensions.write_text("\n".join(lines) + "\n")
        if not expired:
            openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-out", made.certificate,
                    "-set_serial", 1000 + self.issued, "-days", days, "-extfile", extensions)
            return made
        # `openssl x509` of 3.0 knows no start date; `openssl ca` does.
        self.ca("-in", request, "-out", made.certificate, "-notext", "-extfile", extensions,
                "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
        return made

    def ca(self, *arguments):
        base = self.folder / f"{self.name}-base"
        if not base.exists():
            base.mkdir()
            (base / "index").write_text("")
            (base / "serial").write_text("2000\n")
            (base / "cnf").write_text(
                f"[ca]\ndefault_ca=x\n[x]\ndatabase={base}/index\nserial={base}/serial\nnew_certs_dir={base}\n"
                "default_md=sha256\npolicy=y\n[y]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-config", base / "cnf", "-cert", self.certificate, "-keyfile", self.key, *arguments)

    def revoke(self, *certificates):
        """A PEM file of the authority and its revocation list."""
        for certificate in certificates:
            self.ca("-revoke", certificate.certificate)
        crl, both = self.folder / "crl.pem", self.folder / f"{self.name}-with-crl.pem"
        self.ca("-gencrl", "-crldays", "10", "-out", crl)
        both.write_text(self.certificate.read_text() + crl.read_text())
        return both


def client_context(authority, shown=None):
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if shown:
        context.load_cert_chain(shown.certificate, shown.key)
    return context


def server_context(shown, authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.certificate, shown.key)
    if authority:
        context.load_verify_locations(authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
