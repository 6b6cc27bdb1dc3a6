"""What auth refuses."""

from vivesphere.kernel.errors import Conflict, FieldError, InvalidInput, NotFound, NotSignedIn, PermissionMissing


class CredentialsWrong(NotSignedIn):
    """The same for an unknown user and a wrong password: which of the two it was is nobody's business."""

    slug = "credentials-wrong"
    title = "Wrong user name or password"

    def __init__(self) -> None:
        super().__init__("The user name or the password is wrong.")


class TokenRefused(NotSignedIn):
    slug = "token-refused"
    title = "The token is not valid"


class PasswordRefused(InvalidInput):
    slug = "password-refused"
    title = "The password cannot be used"


class CurrentPasswordWrong(InvalidInput):
    """No 401: whoever asks is signed in."""

    slug = "current-password-wrong"
    title = "The present password is wrong"

    def __init__(self) -> None:
        detail = "is not your present password"
        super().__init__(f"What you gave {detail}.", [FieldError("/current_password", detail)])


class UsernameRefused(InvalidInput):
    slug = "username-refused"
    title = "The user name cannot be used"


class RoleUnknown(InvalidInput):
    slug = "role-unknown"
    title = "There is no such role"


class UsernameTaken(Conflict):
    slug = "username-taken"
    title = "The user name is taken"


class UserUnknown(NotFound):
    slug = "user-unknown"
    title = "There is no such user"


class SetupDone(Conflict):
    slug = "setup-done"
    title = "Already set up"


class SetupRefused(PermissionMissing):
    slug = "setup-refused"
    title = "The set-up link is not valid"


class SessionUnknown(NotFound):
    slug = "session-unknown"
    title = "There is no such sign-in"
