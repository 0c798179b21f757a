# Django as it comes: every answer has the form that the framework gives it by default.
import json
import sys
from wsgiref.simple_server import make_server

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of no account",
    AUTH_PASSWORD_VALIDATORS=[
        {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 40}},
    ],
)


class PasswordForm(forms.Form):
    newPassword = forms.CharField(validators=[validate_password])


def validated(request):
    try:
        validate_password(json.loads(request.body)["newPassword"])
    except ValidationError as error:
        return JsonResponse({"errors": error.messages}, status=400)
    return JsonResponse({})


def checked(request):
    form = PasswordForm(json.loads(request.body))
    if not form.is_valid():
        return JsonResponse(form.errors.get_json_data(), status=400)
    return JsonResponse({})


urlpatterns = [
    path("empty", lambda request: HttpResponse()),
    path("text", lambda request: HttpResponse("OK")),
    path("object", lambda request: JsonResponse({"status": "ok"})),
    path("none", lambda request: HttpResponse(status=204)),
    path("list", lambda request: JsonResponse([], safe=False)),
    path("invalid", validated),
    path("form", checked),
]

make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application()).serve_forever()
