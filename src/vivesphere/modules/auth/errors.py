"""What auth refuses."""

from vivesphere.kernel.errors import Conflict, InvalidInput, NotFound, NotSignedIn, PermissionMissing


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
