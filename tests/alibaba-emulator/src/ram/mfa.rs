//! Devices for a second factor.

use data_encoding::{BASE32, BASE64};
use serde_json::{Value, json};

use super::model::MfaDevice;
use super::resources::user_name;
use crate::cloud::{Call, Outcome, iso, random};
use crate::refusal::Refusal;

pub fn create(call: &mut Call<'_>) -> Outcome {
    let name = call.parameters.required("VirtualMFADeviceName")?;
    let serial = format!("acs:ram::{}:mfa/{name}", call.account());
    if call.cloud.ram.devices.contains_key(&serial) {
        return Err(Refusal::known("EntityAlreadyExists.VirtualMFADevice"));
    }
    let device = MfaDevice { name: name.to_owned(), serial: serial.clone(), user: None };
    call.cloud.ram.devices.insert(serial.clone(), device);
    Ok(json!({"VirtualMFADevice": {
        "SerialNumber": serial, "Base32StringSeed": BASE32.encode(random(20).as_bytes()),
        "QRCodePNG": BASE64.encode(b"\x89PNG\r\n\x1a\n"),
    }}))
}

pub fn list(call: &mut Call<'_>) -> Outcome {
    let shown = call.cloud.ram.devices.values().map(|device| {
        let mut shown = json!({"SerialNumber": device.serial, "VirtualMFADeviceName": device.name});
        if let Some((name, at)) = &device.user {
            shown["ActivateDate"] = iso(*at).into();
            let user = call.cloud.ram.users.get(name);
            shown["User"] = json!({
                "UserId": user.map(|user| &user.id), "UserName": name, "DisplayName": user.map(|user| &user.display_name),
            });
        }
        shown
    });
    Ok(json!({"VirtualMFADevices": {"VirtualMFADevice": shown.collect::<Vec<_>>()}}))
}

pub fn delete(call: &mut Call<'_>) -> Outcome {
    let serial = call.parameters.required("SerialNumber")?;
    match call.cloud.ram.devices.get(serial) {
        None => Err(Refusal::known("EntityNotExist.VirtualMFADevice")),
        Some(device) if device.user.is_some() => Err(Refusal::known("DeleteConflict.VirtualMFADevice.User")),
        Some(_) => {
            call.cloud.ram.devices.remove(serial);
            Ok(Value::Null)
        }
    }
}

pub fn bind(call: &mut Call<'_>) -> Outcome {
    let (parameters, now) = (call.parameters, call.now);
    let (name, serial) = (parameters.required("UserName")?, parameters.required("SerialNumber")?);
    for code in ["AuthenticationCode1", "AuthenticationCode2"] {
        let code = parameters.required(code)?;
        if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::known("InvalidParameter.AuthenticationCode.Format"));
        }
    }
    if call.cloud.user(name, now)?.mfa.is_some() {
        return Err(Refusal::known("EntityAlreadyExists.User.MFADevice"));
    }
    let device = call.cloud.ram.devices.get_mut(serial);
    device.ok_or_else(|| Refusal::known("EntityNotExist.VirtualMFADevice"))?.user = Some((name.to_owned(), now));
    call.cloud.user_mut(name, now)?.mfa = Some(serial.to_owned());
    Ok(Value::Null)
}

fn owner(call: &Call<'_>) -> Result<String, Refusal> {
    let name = user_name(call).ok_or_else(|| Refusal::missing("UserName"))?;
    call.cloud.user(&name, call.now).map(|user| user.name.clone())
}

pub fn unbind(call: &mut Call<'_>) -> Outcome {
    let (name, now) = (owner(call)?, call.now);
    let serial = call.cloud.user_mut(&name, now)?.mfa.take();
    let serial = serial.ok_or_else(|| Refusal::known("EntityNotExist.User.MFADevice"))?;
    if let Some(device) = call.cloud.ram.devices.get_mut(&serial) {
        device.user = None;
    }
    call.cloud.linger(&format!("user/{name}"), "MFADevice", now);
    Ok(json!({"MFADevice": {"SerialNumber": serial}}))
}

pub fn get(call: &mut Call<'_>) -> Outcome {
    let name = owner(call)?;
    let serial = call.cloud.user(&name, call.now)?.mfa.as_ref();
    let serial = serial.ok_or_else(|| Refusal::known("EntityNotExist.User.MFADevice"))?;
    Ok(json!({"IsMFAEnable": true, "MFADevice": {"SerialNumber": serial, "Type": "VMFA"}}))
}
