"""Credentials as editors, shells and Kaggle's tools leave them: cleaned where they are read, shown nowhere."""

import base64
import json
import traceback
from pathlib import Path

import pytest
import requests

from pulmo.errors import UserError
from pulmo.kaggle import credentials
from pulmo.kaggle.client import connected
from pulmo.kaggle.credentials import browser_login, hide, secrets, token, user_and_key, user_name
from tests.kaggle.server import Answer, KaggleServer
from tests.support import run_pulmo

TOKEN = "KGAT_0123456789abcdef"
KEY = "0123456789abcdef0123456789abcdef"
AROUND = ["{}\n", "{}\r\n", "{}\r", "\ufeff{}", "ï»¿{}", " {}\t", '"{}"', "'{}'\n", "“{}”", "\u200b{}\xa0"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with an empty `.kaggle` in it, and no credentials."""
    for name in ("API_TOKEN", "KEY", "USERNAME", "IAP_TOKEN", "CONFIG_DIR", "API_V1_TOKEN", "KERNEL_RUN_TYPE"):
        monkeypatch.delenv(f"KAGGLE_{name}", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kaggle").mkdir()
    return tmp_path / ".kaggle"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("around", AROUND)
def test_a_variable_is_cleaned(monkeypatch: pytest.MonkeyPatch, around: str) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", around.format(TOKEN))
    assert token() == TOKEN
    assert secrets() == {TOKEN: "the value of KAGGLE_API_TOKEN"}
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_KEY", around.format(KEY))
    monkeypatch.setenv("KAGGLE_USERNAME", around.format("ada"))
    assert user_and_key() == ("ada", KEY)
    assert user_name() == "ada"
    assert secrets() == {KEY: "the value of KAGGLE_KEY"}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_token_file_is_cleaned(home: Path, around: str, encoding: str) -> None:
    (home / "access_token").write_bytes(around.format(TOKEN).encode(encoding))
    assert token() == TOKEN
    assert secrets() == {TOKEN: "the token in ~/.kaggle/access_token"}


def test_a_variable_may_name_a_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "elsewhere"
    path.write_text(f"{TOKEN}\r\n")
    monkeypatch.setenv("KAGGLE_API_TOKEN", f"{path}\n")
    assert token() == TOKEN
    assert secrets()[TOKEN] == "the token in the file that KAGGLE_API_TOKEN names"


@pytest.mark.usefixtures("home")
def test_a_token_longer_than_any_name_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "x" * 5000)
    assert token() == "x" * 5000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("folder", ["~/.kaggle", "KAGGLE_CONFIG_DIR", "~/.config/kaggle"])
def test_kaggle_json(home: Path, monkeypatch: pytest.MonkeyPatch, folder: str, encoding: str) -> None:
    path = {"~/.kaggle": home, "~/.config/kaggle": home.parent / ".config/kaggle"}.get(folder, home / "chosen")
    path.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / "chosen"))
    (path / "kaggle.json").write_bytes(json.dumps({"username": "ada\n", "key": f"{KEY}\r\n"}).encode(encoding))
    assert user_and_key() == ("ada", KEY)
    assert user_name() == "ada"
    assert list(secrets()) == [KEY]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"3", b'"text"', b"\xff\xfe\xff", b"\x00", b'{"username": 3, "key": [1]}', b"{", b"\xe9"],
)
@pytest.mark.parametrize("name", ["kaggle.json", "credentials.json"])
def test_files_that_hold_no_credentials(home: Path, content: bytes, name: str) -> None:
    (home / name).write_bytes(content)
    assert (user_and_key(), browser_login(), token()) == (None, None, "")
    assert user_name() == ""
    secrets()
    with pytest.raises(UserError, match="no credentials found"), connected():
        pass


@pytest.mark.parametrize(
    "text", [f'["{KEY}"]', f'{{"username": "ada", "key": "{KEY}', f'"{KEY}"', f'{{"a": [{{"token": "{KEY}"}}]}}', KEY]
)
def test_secrets_are_found_in_any_format_of_file(home: Path, text: str) -> None:
    (home / "kaggle.json").write_text(text)
    assert KEY in secrets()


def test_a_browser_login(home: Path) -> None:
    login = {
        "refresh_token": "a-refresh-token",
        "access_token": "an-access-token\n",
        "access_token_expiration": "2026-01-01T00:00:00",
        "username": "ada",
        "scopes": ["resources.admin:*"],
    }
    (home / "credentials.json").write_text(json.dumps(login))
    assert list(secrets()) == ["a-refresh-token", "an-access-token"]
    assert set(secrets().values()) == {"a token in ~/.kaggle/credentials.json"}
    assert user_name() == "ada"
    found = browser_login()
    assert found is not None
    assert (found.refresh_token, found.access_token) == ("a-refresh-token", "an-access-token")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("inside", ["KGAT_0123\n456789abcdef", "KGAT_0123 456789abcdef", "KGAT_0123ü456789abcdef"])
@pytest.mark.parametrize("name", ["KAGGLE_API_TOKEN", "KAGGLE_KEY"])
def test_an_invalid_token_is_refused_without_being_shown(
    kaggle: KaggleServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], inside: str, name: str
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", "ada")
    monkeypatch.setenv(name, inside)
    code, out, err = run_pulmo(capsys, "osic", "download")
    assert code == 1
    assert "holds a character that no token has" in err
    assert "number 10 of 22" in err
    assert "0123" not in out + err
    assert "456789" not in out + err
    assert kaggle.requested == []


@pytest.mark.parametrize("around", AROUND)
def test_a_cleaned_token_signs_in(
    kaggle: KaggleServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], around: str
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", around.format(kaggle.token))
    kaggle.fail("GetCompetitionDataFilesSummary", Answer(404, "no such competition"))
    code, out, err = run_pulmo(capsys, "osic", "download")
    assert code == 1
    assert "no such competition" in err
    assert kaggle.token not in out + err


def test_an_expired_token_is_renewed(kaggle: KaggleServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        kaggle, "generate_access_token", lambda _: {"token": kaggle.token, "expiresIn": 3600}, raising=False
    )
    monkeypatch.setattr(kaggle, "open_requests", ("GenerateAccessToken",))
    for expires in ("2020-01-01T00:00:00", "2020-01-01T00:00:00+00:00", "", "yesterday"):
        login = {"refresh_token": "a-refresh-token", "access_token": "old-token", "access_token_expiration": expires}
        (home / "credentials.json").write_text(json.dumps(login))
        with connected() as client:
            assert client.http_client()._session.auth.token == kaggle.token


def test_no_error_that_leaves_the_client_holds_a_secret(kaggle: KaggleServer) -> None:
    request = requests.Request("POST", "http://localhost", headers={"Authorization": f"Bearer {kaggle.token}"})

    def fail() -> None:
        try:
            raise ValueError(f"Invalid header value b'Bearer {kaggle.token}'")
        except ValueError as error:
            raise RuntimeError(("nested", kaggle.token), error) from error

    def fail_in_words() -> None:
        try:
            fail()
        except RuntimeError as error:
            raise requests.ConnectionError(f"to {kaggle.token}", request=request) from error

    for function, kind in ((fail, RuntimeError), (fail_in_words, UserError)):
        with pytest.raises(kind) as caught, connected():
            function()
        error: BaseException | None = caught.value
        shown = "".join(traceback.format_exception(error))
        while error is not None:
            shown += repr(error) + repr(vars(error))
            error = error.__cause__ or error.__context__
        assert kaggle.token not in shown
        assert "Authorization" not in shown


def test_texts_hold_no_secret_plain_or_encoded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    (home / "kaggle.json").write_text(json.dumps({"username": "ada", "key": KEY}))
    basic = base64.b64encode(f"ada:{KEY}".encode()).decode()
    hidden = hide(f"Bearer {TOKEN}, {KEY}, Basic {basic}.")
    assert hidden.startswith("Bearer …, …, Basic ")
    assert base64.b64encode(KEY.encode()).decode()[:8] not in hidden
    assert basic[8:-4] not in hidden


@pytest.mark.usefixtures("home")
def test_a_short_value_hides_no_ordinary_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "osic")
    assert hide("pulmo osic") == "pulmo osic"
    assert list(secrets()) == ["osic"]


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
@pytest.mark.parametrize("after", [b"", b"z", b"zy"])
def test_base64_is_known_between_any_neighbours(before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + TOKEN.encode() + after)
    assert any(form in encoded for form in credentials.in_base64(TOKEN.encode()))


def test_a_message_with_a_secret_is_not_sent(
    kaggle: KaggleServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = run_pulmo(capsys, "osic", "submit", tmp_path / "a.csv", "-m", f"with {kaggle.token}")
    assert code == 1
    assert "--message: holds one of your secrets" in err
    assert kaggle.token not in out + err
    assert kaggle.requested == []
