# Flask as it comes: every answer has the form that the framework gives it by default.
import sys
from flask import Flask, abort, jsonify, make_response, request

app = Flask(__name__)


@app.post("/empty")
def empty():
    return ""


@app.post("/text")
def text():
    return "OK"


@app.post("/object")
def an_object():
    return jsonify(success=True)


@app.post("/none")
def none():
    return "", 204


@app.post("/page")
def page():
    return "<!doctype html><title>Sign in</title>"


@app.post("/invalid")
def invalid():
    return {"errors": {"newPassword": ["Shorter than minimum length 12."]}}, 422


@app.post("/aborted")
def aborted():
    abort(400, "the password is too short")


@app.post("/forbidden")
def forbidden():
    abort(403)


@app.post("/described")
def described():
    abort(make_response(jsonify(message="Input payload validation failed", errors={"newPassword": "'x' is too short"}), 400))


app.run("127.0.0.1", int(sys.argv[1]))
