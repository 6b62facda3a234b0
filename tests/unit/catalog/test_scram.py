"""SCRAM-SHA-256 against the exchange that RFC 7677 prints."""

import base64

from gureum.catalog.scram import ITERATIONS, make_verifier


def test_the_exchange_of_the_rfc():
    assert ITERATIONS == 4096
    verifier = make_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    exchange = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}".encode()
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    assert verifier.is_proved(proof, exchange)
    assert base64.b64encode(verifier.signature(exchange)) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert not verifier.is_proved(proof, exchange + b"x")
    assert not verifier.is_proved(b"", exchange)
    assert type(verifier).from_text(verifier.to_text()) == verifier


def test_a_password_is_prepared_as_clients_prepare_it():
    salt = b"0" * 16
    assert make_verifier("I\u00adX", salt) == make_verifier("IX", salt)
    assert make_verifier("\u2168", salt) == make_verifier("IX", salt)
    assert make_verifier("가", salt) == make_verifier("\u1100\u1161", salt)
    assert make_verifier("\u0007", salt) != make_verifier("", salt)
