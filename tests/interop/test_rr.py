"""tombo_rr in place of mosquitto_rr: a question, and the answer."""
import re
import subprocess
from pathlib import Path

import pytest

import raw
from clients import TIMEOUT_S, environment, tool

pytestmark = pytest.mark.tombo


def start_rr(broker, *arguments):
    words = [str(Path(broker.program.path).with_name("tombo_rr")), "-h", "127.0.0.1", "-p",
             str(broker.port), *map(str, arguments)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment(broker))


def finish(process, status=0, stdin=b""):
    out, err = process.communicate(stdin, timeout=TIMEOUT_S)
    assert process.returncode == status, (process.returncode, out, err)
    return out, err


@pytest.fixture
def responder(broker):
    """Hears questions at `ask` and answers by hand."""
    with raw.RawClient(broker.port, raw.V5) as client:
        client.connect("responder")
        client.subscribe("ask", qos=2)
        yield client


def answer(responder, payload=b"answer", **options):
    question, = responder.collect(1)
    responder.publish(question.property("response_topic") or "reply", payload, **options)
    return question


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_question_is_answered(broker, responder, qos):
    process = start_rr(broker, "-t", "ask", "-e", "reply/me", "-m", "question", "-q", qos)
    question = answer(responder)
    assert (question.payload, question.qos) == (b"question", qos)
    assert question.property("response_topic") == "reply/me"
    assert finish(process)[0] == b"answer\n"


def test_without_mqtt_5_the_topic_is_agreed_upon(broker, responder):
    process = start_rr(broker, "-t", "ask", "-e", "reply", "-m", "question", "-V", "311", "-v")
    assert answer(responder).property("response_topic") is None
    assert finish(process)[0] == b"reply answer\n"


def test_questions_from_files_and_nothing(broker, responder, tmp_path):
    (tmp_path / "file").write_bytes(b"from a file")
    for words, stdin, payload in ((["-f", tmp_path / "file"], b"", b"from a file"),
                                  (["-s"], b"from stdin", b"from stdin"), (["-n"], b"", b"")):
        process = start_rr(broker, "-t", "ask", "-e", "reply", *words)
        process.stdin.write(stdin)
        process.stdin.close()
        assert answer(responder).payload == payload
        assert process.wait(TIMEOUT_S) == 0 and process.stdout.read() == b"answer\n"
        process.stdout.close()
        process.stderr.close()


def test_how_answers_are_printed(broker, responder):
    process = start_rr(broker, "-t", "ask", "-e", "reply", "-m", "q", "-F", "%t=%p", "-N", "--latency")
    answer(responder)
    assert re.fullmatch(rb"reply=answerLatency: [\d.]+(ns|\xc2\xb5s|ms|s)\n", finish(process)[0])


def test_properties(broker, responder):
    process = start_rr(broker, "-t", "ask", "-e", "reply", "-m", "q", "-D", "publish", "correlation-data",
                       "id", "-D", "publish", "user-property", "k", "v")
    question = answer(responder)
    assert question.property("correlation_data") == b"id"
    assert question.property("user_property") == ("k", "v")
    finish(process)


def test_an_old_answer_is_passed_over(broker, responder):
    responder.publish("reply", b"old", retain=True)
    process = start_rr(broker, "-t", "ask", "-e", "reply", "-m", "q", "-R")
    answer(responder)
    assert finish(process)[0] == b"answer\n"


def test_nobody_answers(broker):
    assert finish(start_rr(broker, "-t", "ask", "-e", "reply", "-m", "q", "-W", "1"), 27) == \
        (b"", b"Timed out\n")


@pytest.mark.parametrize("words, text", [
    (["-t", "ask", "-m", "q"], "You must specify a response topic (-e <topic>)."),
    (["-e", "reply", "-m", "q"], "Both topic and message must be supplied."),
    (["-t", "ask", "-e", "reply"], "Both topic and message must be supplied."),
    (["-t", "ask", "-e", "a/#", "-m", "q"], "Invalid response topic 'a/#', does it contain '+' or '#'?"),
    (["-l"], "Unknown option '-l'."),
])
def test_what_is_wrong_is_said(broker, words, text):
    err = finish(start_rr(broker, *words), 1)[1].decode()
    assert f"Error: {text}" in err and "Use 'mosquitto_rr --help' to see usage." in err


@pytest.mark.conf("allow_anonymous false")
def test_a_client_that_is_not_let_in(broker):
    assert finish(start_rr(broker, "-t", "a", "-e", "b", "-m", "q"), 135)[1] == (
        b"Connection error: Not authorized\nError: A network protocol error occurred when "
        b"communicating with the broker.\n")


def test_help_and_version(broker):
    text = finish(start_rr(broker, "--help"), 1)[0].decode()
    for line in subprocess.run([tool("mosquitto_rr"), "--help"], capture_output=True, text=True,
                               check=False).stdout.splitlines():
        found = re.match(r" (-{1,2}[\w-]+) :", line)
        if found:
            assert re.search(rf"(^|\s){found[1]}[\s,]", text), found[1]
    text = finish(start_rr(broker, "--version"), 1)[0].decode()
    assert re.fullmatch(r"mosquitto_rr version [\d.]+ running on libmosquitto [\d.]+\.\n", text)
