"""Requests and responses, with mosquitto_rr and with properties."""
import threading

import pytest

from clients import lines_of, mosquitto_rr, properties_for


def respond(responder, count=1):
    for _ in range(count):
        request = responder.receive()
        answer = {name: getattr(request.properties, camel)
                  for name, camel in (("correlation_data", "CorrelationData"),)
                  if hasattr(request.properties, camel)}
        responder.client.publish(request.properties.ResponseTopic, b"re: " + request.payload, 1,
                                 properties=properties_for("PUBLISH", **answer))


def test_mosquitto_rr_gets_its_answer(broker, paho):
    responder = paho()
    responder.subscribe("request", qos=1)
    worker = threading.Thread(target=respond, args=(responder,), daemon=True)
    worker.start()
    done = mosquitto_rr(broker, "-t", "request", "-e", "response/1", "-m", "question", "-q", "1",
                        "-D", "publish", "correlation-data", "ticket", "-F", "%p %D", "-W", "10")
    assert lines_of(done) == ["re: question ticket"]
    worker.join()


def test_mosquitto_rr_with_mqtt_3_1_1(broker, raw_client):
    responder = raw_client()
    responder.subscribe("request")

    def answer():
        responder.collect(1)
        responder.publish("response/2", "pong")
    worker = threading.Thread(target=answer, daemon=True)
    worker.start()
    done = mosquitto_rr(broker, "-t", "request", "-e", "response/2", "-m", "ping", "-W", "10",
                        version="mqttv311")
    assert lines_of(done) == ["pong"]
    worker.join()


@pytest.mark.tombo
def test_response_information_is_given_when_asked_for(v5_client):
    asked = {"properties": [("request_response_information", 1)]}
    one, two = (v5_client(name, **asked).connack.property("response_information")
                for name in ("one", "two"))
    assert one and two and one != two
    assert not set("+#") & set(one + two)


def test_response_information_is_not_given_unasked(v5_client):
    assert v5_client().connack.property("response_information") is None
    refused = v5_client(properties=[("request_response_information", 0)])
    assert refused.connack.property("response_information") is None
