"""Pages for people."""

from flask import Blueprint

room = Blueprint("pages", __name__)
