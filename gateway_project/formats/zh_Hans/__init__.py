"""How the admin writes dates: sortable and to the second, since that is what one compares at night."""
