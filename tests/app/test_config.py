from pathlib import Path

import pytest

from pillarbox.app.config import DEFAULT_LISTEN, Config, ConfigError, is_address, load, parse, reloaded

WHOLE = """\
hostname = "mail.example.test"
data = "var"
workers = 2                      # default: one per core
[listen]
imap = "127.0.0.1:1143"          # with STARTTLS
imaps = ["127.0.0.1:1993", "[::1]:1993"]
lmtp = "unix:run/lmtp"
smtp = "127.0.0.1:1025"
submission = "127.0.0.1:1587"
submissions = "127.0.0.1:1465"
pop3 = "127.0.0.1:1110"
pop3s = "127.0.0.1:1995"
managesieve = "127.0.0.1:4190"
http = "127.0.0.1:1080"
https = "127.0.0.1:1443"
[tls]
certificate = "cert.pem"
key = "/etc/keys/key.pem"
[auth]
cleartext = "never"
submitters = ["submit@example.test"]
"""


def test_every_key(tmp_path: Path) -> None:
    (tmp_path / "mail.toml").write_text(WHOLE)
    config = load(tmp_path / "mail.toml")
    assert (config.hostname, config.workers, config.auth.cleartext) == ("mail.example.test", 2, "never")
    assert config.auth.submitters == ("submit@example.test",)
    listen = list(config.listen.each())
    assert listen[:4] == [
        ("imap", "127.0.0.1:1143"),
        ("imaps", "127.0.0.1:1993"),
        ("imaps", "[::1]:1993"),
        ("lmtp", f"unix:{tmp_path}/run/lmtp"),
    ]
    assert len(listen) == 12


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "mail.toml").write_text(WHOLE)
    monkeypatch.chdir(tmp_path)
    config = load(Path("etc/mail.toml"))
    assert config.data_folder == tmp_path / "etc" / "var"
    assert config.tls.certificate == str(tmp_path / "etc" / "cert.pem")
    assert config.tls.key == "/etc/keys/key.pem"


def test_without_a_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load()
    assert config.data_folder == tmp_path / "var"
    assert dict(config.listen.each()) == dict(DEFAULT_LISTEN.each())
    assert config.auth.cleartext == "loopback"
    assert config.workers is None


def test_the_file_in_the_current_folder_is_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pillarbox.toml").write_text('hostname = "here.test"')
    assert load().hostname == "here.test"


def test_listen_names_all_that_listens() -> None:
    assert list(parse('[listen]\nimap = "0.0.0.0:143"').listen.each()) == [("imap", "0.0.0.0:143")]
    assert list(parse("[listen]").listen.each()) == []
    assert parse('hostname = "x"').listen == DEFAULT_LISTEN
    assert parse("") == Config()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('hostnam = "x"', "x.toml, line 1: hostnam: there is no such key; the nearest is hostname"),
        (
            "\n[listen]\n\nimapss = 1",
            "x.toml, line 4: listen.imapss: there is no such key; the nearest is listen.imaps",
        ),
        ('[listne]\nimap = ""', "x.toml, line 1: listne: there is no such key; the nearest is listen"),
        ("imap = 1", "x.toml, line 1: imap: there is no such key; the nearest is listen.imap"),
        ("zzz = 1", "x.toml, line 1: zzz: there is no such key; the nearest is "),
        ("listen = { imup = 1 }", "x.toml: listen.imup: there is no such key; the nearest is listen.imap"),
        ('workers = "2"', "x.toml, line 1: workers: expected int, got str"),
        ("workers = 0", "x.toml, line 1: workers: expected int >= 1"),
        ("listen = 3", "x.toml, line 1: listen: expected object, got int"),
        ("# c\n[listen]\nimap = [1]", "x.toml, line 3: listen.imap: expected str, got int"),
        (
            '[listen]\nlmtp = "1024"',
            'x.toml, line 2: listen.lmtp: "1024" is not an address; write "host:port"',
        ),
        (
            '[auth]\ncleartext = "maybe"',
            'x.toml, line 2: auth.cleartext: must be one of "never", "loopback", "always"',
        ),
        (
            '[tls]\nkey = "k"',
            "x.toml, line 1: tls: certificate and key belong together; one of them is missing",
        ),
        (
            '[outbound]\nsource = ["mail.example.org"]',
            'x.toml, line 2: outbound.source: "mail.example.org" is not an address; write "192.0.2.1"',
        ),
        ("a = = b", "x.toml: Invalid value (at line 1, column 5)"),
        ('hostname = ""', "x.toml, line 1: hostname: expected str matching regex"),
    ],
)
def test_a_mistake_is_named(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, "x.toml")
    assert str(error.value).startswith(sentence)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes(b'hostname = "\xe9"')
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    "text", ["127.0.0.1:0", "localhost:143", "[::1]:143", "0.0.0.0:65535", "unix:/run/x", "unix:a b"]
)
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text", ["", "143", ":143", "localhost", "localhost:", "::1:143", "h:65536", "unix:", "a b:1"]
)
def test_no_addresses(text: str) -> None:
    assert not is_address(text)


def test_what_a_running_server_takes_over() -> None:
    running = parse('workers = 2\n[auth]\ncleartext = "never"\n')
    wanted = parse('workers = 3\n[listen]\nimap = "127.0.0.1:143"\n[tls]\ncertificate = "c"\nkey = "k"\n')
    taken, refused = reloaded(running, wanted)
    listen = [
        f"listen.{each}"
        for each in (
            *("imap", "imaps", "lmtp", "smtp", "submission", "submissions", "pop3", "pop3s"),
            *("http", "https"),
        )
    ]
    assert refused == ["workers", *listen]
    assert (taken.workers, taken.listen) == (2, running.listen)
    assert (taken.tls.key, taken.auth.cleartext) == ("k", "loopback")
    assert reloaded(taken, taken) == (taken, [])


def test_what_the_documentation_shows_is_understood() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    shown = text.partition("```toml\n")[2].partition("```")[0]
    config = parse(shown)
    assert list(config.directory) == ["staff", "shop", "partners"]


def test_masters_change_in_a_running_server_and_directories_do_not() -> None:
    provider = '[[oauth.providers]]\nissuer = "i"\naudience = ["mail"]\nkeys = "https://i.test/keys"\n'
    tokens = '[directory.x]\nkind = "tokens"\ndomains = ["a.test"]\nissuers = ["i"]\n'
    wanted = parse(f'[auth.masters]\n"a@a.test" = ["a.test"]\n{tokens}{provider}')
    taken, refused = reloaded(Config(), wanted)
    assert taken.auth.masters == {"a@a.test": ("a.test",)}
    assert (taken.directory, refused) == ({}, ["directory"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('"a" = ["a.test"]', 'auth.masters.a: "a" is no mail address'),
        ('"a@a.test" = ["a b"]', 'auth.masters.a@a.test: "a b" is no domain'),
    ],
)
def test_masters_and_their_domains_are_looked_at(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match="line 2: " + sentence):
        parse(f"[auth.masters]\n{text}")


def test_fewer_iterations_than_clients_compute_are_refused() -> None:
    assert parse("[auth]\nscram_iterations = 100_000").auth.scram_iterations == 100_000
    for few in ("65_535", "0", "10_000_001"):
        with pytest.raises(ConfigError, match=r"line 2: auth\.scram_iterations: "):
            parse(f"[auth]\nscram_iterations = {few}")
