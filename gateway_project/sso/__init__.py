"""Single sign-on by OpenID Connect, for who installs `tollkeeper[sso]`."""
