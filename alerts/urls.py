"""What a link in a message leads to."""

from django.urls import path

from alerts.views import acknowledge

urlpatterns = [path("alerts/acknowledge/<str:token>", acknowledge, name="alert-acknowledge")]
