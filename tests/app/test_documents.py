"""Documents are read in a process that may die of them."""

import base64
import signal

import pytest
from imapclient import IMAPClient

from pillarbox.app import documents
from pillarbox.message.searchable import fold_text, in_body, searchable
from pillarbox.store.index.catching_up import catch_up
from pillarbox.testing.server import MailServer
from tests.message.documents import made

TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def test_documents_are_read_one_after_the_other() -> None:
    with documents.reading() as reader:
        for _ in range(2):
            assert "International" in reader.text_of(TYPE, "", made.DOCX)
            assert "Hello" in reader.text_of("application/octet-stream", "a.pdf", made.pdf("Hello"))
            assert reader.text_of("application/pdf", "", b"broken") == ""
            assert reader.text_of("image/png", "", b"\x89PNG") == ""


def test_no_process_for_what_is_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_begin", None)
    with documents.reading() as reader:
        assert reader.text_of("image/png", "", b"\x89PNG") == ""


def test_after_a_document_that_kills_the_process_the_next_is_read() -> None:
    with documents.reading() as reader:
        reader.text_of(TYPE, "", made.DOCX)
        process = reader._process
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert reader.text_of(TYPE, "", made.DOCX) == ""
        assert "International" in reader.text_of(TYPE, "", made.DOCX)


def test_a_process_that_says_nothing_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "WALL", 0.05)
    with documents.reading() as reader:
        reader.text_of("application/pdf", "", b"")
        process = reader._process
        if process is not None:
            process.send_signal(signal.SIGSTOP)
            assert reader.text_of(TYPE, "", made.DOCX) == ""
            assert process.returncode == -signal.SIGKILL


def test_processes_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MANY", 1)
    with documents.reading() as reader:
        assert "International" in reader.text_of(TYPE, "", made.DOCX)
        assert reader._process is None
        assert "International" in reader.text_of(TYPE, "", made.DOCX)


def test_a_process_that_is_not_needed_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "IDLE", 0.01)
    with documents.reading() as reader:
        assert "International" in reader.text_of(TYPE, "", made.DOCX)
        timer = reader._idle
        if timer is not None:
            timer.join()
        assert reader._process is None
        assert "International" in reader.text_of(TYPE, "", made.DOCX)


def test_nothing_is_read_after_the_end() -> None:
    with documents.reading() as reader:
        reader.text_of(TYPE, "", made.DOCX)
        process = reader._process
    assert process is not None and process.returncode is not None
    assert reader.text_of(TYPE, "", made.DOCX) == ""


def test_a_search_finds_what_documents_say() -> None:
    raw = mail("a.docx", made.DOCX)
    needle = fold_text("international grüße")
    with documents.reading() as reader:
        assert in_body(searchable(raw, reader.text_of), needle)
    assert not in_body(searchable(raw), needle)


def mail(name: str, data: bytes) -> bytes:
    return (
        b"Subject: with a document\r\nContent-Type: application/octet-stream; name=%b\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" % name.encode()
    ) + base64.encodebytes(data)


def test_searches_find_documents_before_and_after_they_are_indexed() -> None:
    with MailServer() as server:
        server.add_account("a@example.test", "secret")
        with IMAPClient(server.host, server.imap_port, ssl=False, timeout=60) as client:
            client.login("a@example.test", "secret")
            client.append("INBOX", mail("a.docx", made.DOCX))
            client.append("INBOX", mail("b.pdf", made.pdf("Invoice 4711")))
            client.append("INBOX", b"Subject: none\r\n\r\ninvoice")
            client.select_folder("INBOX")

            def found() -> list[list[int]]:
                return [
                    list(client.search(["BODY", needle]))
                    for needle in ("international", "e 4711", "invoice", "b.pdf", "gone")
                ]

            expected = [[1], [2], [2, 3], [2], []]
            assert found() == expected
            (folder,) = (server.data / "accounts").glob("??/*")
            with documents.reading() as reader:
                assert catch_up(folder, documents=reader.text_of, anew=True).messages == 3
            assert found() == expected
        server.check()
