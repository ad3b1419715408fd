"""Decides when a camera's mean is stated anew."""

from reid.contracts.detections import Frame
from reid.contracts.events import AnyEvent, CameraCalibrated
from reid.domain.policy import Policy
from reid.domain.state import SiteState


def calibrations(site: SiteState, site_id: str, frame: Frame, policy: Policy) -> list[AnyEvent]:
    """`CameraCalibrated` for the frame's camera and encoder, when enough tracks more were given a person."""
    if frame.model is None or not policy.camera_mean:
        return []
    mean = site.centring(frame.model.key).due(frame.camera_id)
    if mean is None:
        return []
    return [
        CameraCalibrated(
            site_id=site_id,
            at=frame.captured_at,
            camera_id=frame.camera_id,
            model=frame.model.key,
            tracks=mean.tracks,
            mean=mean.current(),
        )
    ]
