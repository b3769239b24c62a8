"""How a person installs the house's CA on each kind of device, for `./iot https` and the page /autoridad."""

from __future__ import annotations

from dataclasses import dataclass

CA_PATH = "/autoridad/ca.crt"
PROFILE_PATH = "/autoridad/ca.mobileconfig"


@dataclass(frozen=True, slots=True)
class Sistema:
    """A kind of device: its name, and its steps in Spanish and English. A step that starts with `$ ` is a command."""

    nombre: str
    pasos: tuple[str, ...]
    steps: tuple[str, ...]


SISTEMAS: tuple[Sistema, ...] = (
    Sistema(
        "Android",
        (
            "Descargue ca.crt.",
            (
                "Ajustes > Seguridad y privacidad > Más ajustes de seguridad > Cifrado y credenciales > Instalar un "
                "certificado > Certificado de CA > Instalar de todas formas, y elija ca.crt. (Los nombres cambian "
                "algo con cada marca: busque «certificado» en Ajustes.)"
            ),
            "Vale para el navegador. Una app solo la acepta si su autor lo permitió.",
        ),
        (
            "Download ca.crt.",
            (
                "Settings > Security & privacy > More security settings > Encryption & credentials > Install a "
                "certificate > CA certificate > Install anyway, and choose ca.crt. (The names differ a little with "
                "each brand: search for “certificate” in Settings.)"
            ),
            "This is for the browser. An app accepts it only if its author allowed that.",
        ),
    ),
    Sistema(
        "iPhone, iPad",
        (
            "Con Safari, descargue ca.mobileconfig y permita la descarga del perfil.",
            "Ajustes > General > VPN y gestión de dispositivos > el perfil «Casa IoT…» > Instalar.",
            (
                "Ajustes > General > Información > Configuración de confianza de certificados: active la autoridad. "
                "Sin este paso no vale."
            ),
        ),
        (
            "With Safari, download ca.mobileconfig and allow the profile to be downloaded.",
            "Settings > General > VPN & Device Management > the profile “Casa IoT…” > Install.",
            (
                "Settings > General > About > Certificate Trust Settings: switch the authority on. Without this "
                "step it does not count."
            ),
        ),
    ),
    Sistema(
        "Windows",
        (
            (
                "Descargue ca.crt, ábralo, «Instalar certificado», «Usuario actual», «Colocar todos los "
                "certificados en el siguiente almacén» y elija «Entidades de certificación raíz de confianza». O, "
                "en una consola:"
            ),
            "$ certutil -user -addstore Root ca.crt",
        ),
        (
            (
                "Download ca.crt, open it, “Install Certificate”, “Current User”, “Place all certificates in the "
                "following store” and choose “Trusted Root Certification Authorities”. Or, in a console:"
            ),
            "$ certutil -user -addstore Root ca.crt",
        ),
    ),
    Sistema(
        "Mac",
        (
            "Descargue ca.crt y, en un terminal, en la carpeta de las descargas:",
            "$ security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db ca.crt",
        ),
        (
            "Download ca.crt and, in a terminal, in the folder of the downloads:",
            "$ security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db ca.crt",
        ),
    ),
    Sistema(
        "Linux",
        (
            "Descargue ca.crt. En Debian, Ubuntu o Raspberry Pi OS:",
            "$ sudo cp ca.crt /usr/local/share/ca-certificates/casa-iot.crt && sudo update-ca-certificates",
            (
                "Firefox y Chromium llevan su propia lista: en sus ajustes, busque «certificados», y en "
                "«Autoridades» importe ca.crt para identificar sitios web."
            ),
        ),
        (
            "Download ca.crt. On Debian, Ubuntu or Raspberry Pi OS:",
            "$ sudo cp ca.crt /usr/local/share/ca-certificates/casa-iot.crt && sudo update-ca-certificates",
            (
                "Firefox and Chromium keep a list of their own: in their settings, search for “certificates”, and "
                "under “Authorities” import ca.crt to identify websites."
            ),
        ),
    ),
    Sistema(
        "Firefox (Android, Windows, Mac)",
        (
            (
                "En about:config ponga security.enterprise_roots.enabled en true; en Android, Ajustes > Acerca de, "
                "toque cinco veces el logotipo, y en Ajustes > Secret settings active «Use third party CA "
                "certificates»."
            ),
        ),
        (
            (
                "In about:config set security.enterprise_roots.enabled to true; on Android, Settings > About, tap "
                "the logo five times, and in Settings > Secret settings switch on “Use third party CA "
                "certificates”."
            ),
        ),
    ),
)
