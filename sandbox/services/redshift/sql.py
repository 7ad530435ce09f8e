"""Redshift's commands that move data from and to S3, as values.

    COPY table [(columns)] FROM 's3://prefix' IAM_ROLE {'arn' | DEFAULT} [FORMAT] [AS] PARQUET
        [MANIFEST] [REGION [AS] 'name'] [STATUPDATE [ON | OFF]]
    UNLOAD ('query') TO 's3://prefix' IAM_ROLE {'arn' | DEFAULT} [FORMAT] [AS] PARQUET
        [ALLOWOVERWRITE] [CLEANPATH] [MANIFEST] [PARALLEL [ON | OFF]] [MAXFILESIZE [AS] n [MB | GB]]
        [REGION [AS] 'name']

CREDENTIALS 'text' may stand for IAM_ROLE. Any other option is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sandbox.services.redshift.lexer import Token, tokens

DEFAULT_FILE_BYTES = 16 * 1024 * 1024
UNITS = {"MB": 1024**2, "GB": 1024**3}


class CommandError(Exception):
    """An S3 command that cannot be run; the text is for the person who sent it."""


@dataclass(frozen=True)
class Copy:
    """COPY … FROM 's3://…': `target` is the table, with its column list, as written."""

    target: str
    uri: str
    manifest: bool = False


@dataclass(frozen=True)
class Unload:
    """UNLOAD … TO 's3://…'."""

    query: str
    uri: str
    overwrite: bool = False
    clean: bool = False
    manifest: bool = False
    parallel: bool = True
    file_bytes: int = DEFAULT_FILE_BYTES


S3Command = Copy | Unload


def parse_s3_command(sql: str) -> S3Command | None:
    """The statement as an S3 command; None when it is any other statement. Raises CommandError on a bad one."""
    first = next(tokens(sql), None)
    if first is None or first.word not in ("COPY", "UNLOAD"):
        return None
    parser = _Parser(sql, list(tokens(sql)))
    return parser.copy() if first.word == "COPY" else parser.unload()


@dataclass
class _Parser:
    sql: str
    tokens: list[Token]
    position: int = 1
    authorised: bool = False
    parquet: bool = False

    def copy(self) -> Copy:
        table = []
        while (token := self._next("FROM")).word != "FROM":
            table.append(token)
        if not table:
            raise CommandError("COPY: a table is missing")
        command = Copy(self.sql[table[0].start : table[-1].end], self._s3_uri())
        while option := self._option():
            if option == "MANIFEST":
                command = replace(command, manifest=True)
            elif option == "STATUPDATE":
                self._switch()
            else:
                raise CommandError(f"COPY option {option} is not supported by the stand-in")
        self._check("COPY")
        return command

    def unload(self) -> Unload:
        self._expect("(")
        query = self._string("the query")
        self._expect(")")
        self._expect("TO")
        command = Unload(query, self._s3_uri())
        while option := self._option():
            if option == "ALLOWOVERWRITE":
                command = replace(command, overwrite=True)
            elif option == "CLEANPATH":
                command = replace(command, clean=True)
            elif option == "MANIFEST":
                command = replace(command, manifest=True)
            elif option == "PARALLEL":
                command = replace(command, parallel=self._switch())
            elif option == "MAXFILESIZE":
                command = replace(command, file_bytes=self._size())
            else:
                raise CommandError(f"UNLOAD option {option} is not supported by the stand-in")
        self._check("UNLOAD")
        return command

    def _option(self) -> str:
        """The next option that is the command's own; those common to both are taken care of. Empty at the end."""
        while self.position < len(self.tokens):
            token = self._next("an option")
            if token.word in ("IAM_ROLE", "CREDENTIALS"):
                if not self._skip("DEFAULT"):
                    self._skip("AS")
                    self._string(f"a value for {token.word}")
                self.authorised = True
            elif token.word == "REGION":
                self._skip("AS")
                self._string("a region")
            elif token.word == "PARQUET":
                self.parquet = True
            elif token.word not in ("FORMAT", "AS", ";"):
                return token.word or token.text
        return ""

    def _check(self, command: str) -> None:
        if not self.authorised:
            raise CommandError(f"{command}: IAM_ROLE is missing")
        if not self.parquet:
            raise CommandError(f"{command}: the stand-in knows FORMAT AS PARQUET only")

    def _switch(self) -> bool:
        if self._skip("OFF") or self._skip("FALSE"):
            return False
        _ = self._skip("ON") or self._skip("TRUE")
        return True

    def _size(self) -> int:
        self._skip("AS")
        number = self._next("a size")
        if number.kind != "number":
            raise CommandError(f"MAXFILESIZE: expected a number, found {number.text}")
        unit = "GB" if self._skip("GB") else "MB"
        self._skip("MB")
        return int(float(number.text) * UNITS[unit])

    def _s3_uri(self) -> str:
        uri = self._string("an S3 path")
        if not uri.startswith("s3://"):
            raise CommandError(f"The S3 path must start with s3://, found {uri}")
        return uri

    def _string(self, what: str) -> str:
        token = self._next(what)
        if token.kind != "string":
            raise CommandError(f"syntax error at or near {token.text!r}: expected {what} in quotes")
        return token.text

    def _expect(self, word: str) -> None:
        token = self._next(word)
        if token.word != word:
            raise CommandError(f"syntax error at or near {token.text!r}: expected {word}")

    def _skip(self, word: str) -> bool:
        if self.position < len(self.tokens) and self.tokens[self.position].word == word:
            self.position += 1
            return True
        return False

    def _next(self, what: str) -> Token:
        if self.position >= len(self.tokens):
            raise CommandError(f"syntax error at the end of the statement: expected {what}")
        self.position += 1
        return self.tokens[self.position - 1]
