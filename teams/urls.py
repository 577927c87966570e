"""What a link in a mail leads to."""

from django.urls import path

from teams.views import invitation

urlpatterns = [path("invitation/accept/<str:token>", invitation, name="invitation")]
