"""What every HTTP edge shares: authentication, problem+json, paging, the event stream, the admin page."""
