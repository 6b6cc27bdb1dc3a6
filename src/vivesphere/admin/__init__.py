"""The admin UI: `ui/` holds its TypeScript sources, `static/` what the build hook makes of them. No Python lives here."""
