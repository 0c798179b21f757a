# What Keeper's published sample for a REST API does, written anew for the comparison:
# one line of base64 JSON from standard input, the record with the token by its title,
# one POST with the user and the new password, success at 201.
import base64
import json
import sys

import requests

TITLE = "Record with Access Token"


def change(url, token, user, password):
    answer = requests.post(
        url,
        headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"},
        data=json.dumps({"userEmail": user, "newPassword": password}),
    )
    answer.raise_for_status()
    if answer.status_code != 201:
        sys.exit("answered " + str(answer.status_code))
    return answer.json()


def main():
    payload = json.loads(base64.b64decode(sys.stdin.readline()))
    records = json.loads(base64.b64decode(payload["records"]))
    access = next((record for record in records if record["title"] == TITLE), None)
    if access is None:
        sys.exit("there is no record with the title " + TITLE)
    print(change(access["url"], access["password"], payload["user"], payload["newPassword"]))


main()
