//! The one table of stable error codes: code, status, and a sentence a person understands.
//!
//! A code never changes its meaning; clients branch on it. The status is the one
//! RFC 9457 and RFC 9110 ask for. Sentences never carry the caller's value.

/// Declares [`Code`]: `Variant, "code", status, "中文", "English";`.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident, $code:literal, $status:literal, $zh:literal, $en:literal;)+) => {
        /// A stable error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* #[doc = $en] $variant,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status this code is answered with.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What a person reads, in Chinese.
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)+ }
            }

            /// What a person reads, in English.
            pub const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)+ }
            }
        }
    };
}

codes! {
    // transport: what the HTTP layer itself refuses
    BadRequest, "bad_request", 400, "请求无法识别", "The request could not be understood.";
    MalformedBody, "malformed_body", 400, "请求内容格式不正确", "The request body is not well formed.";
    Unauthenticated, "unauthenticated", 401, "请先登录", "Please sign in.";
    TokenExpired, "token_expired", 401, "登录已过期，请重新登录", "Your sign-in has expired.";
    Forbidden, "forbidden", 403, "没有此项操作的权限", "You may not do this.";
    NotFound, "not_found", 404, "没有找到", "Not found.";
    MethodNotAllowed, "method_not_allowed", 405, "不支持此操作方式", "This method is not supported here.";
    NotAcceptable, "not_acceptable", 406, "无法提供所要求的格式", "No acceptable representation exists.";
    RequestTimeout, "request_timeout", 408, "请求超时，请重试", "The request took too long to arrive.";
    Conflict, "conflict", 409, "与现有数据冲突", "This conflicts with what exists.";
    PreconditionFailed, "precondition_failed", 412, "内容已被他人修改，请刷新后再试", "It was changed meanwhile; fetch it again.";
    BodyTooLarge, "body_too_large", 413, "提交的内容过大", "The request body is too large.";
    UriTooLong, "uri_too_long", 414, "请求地址过长", "The request address is too long.";
    UnsupportedMediaType, "unsupported_media_type", 415, "不支持的内容类型", "This content type is not supported.";
    InvalidInput, "invalid_input", 422, "填写的内容有误，请检查", "Some of the input is not valid.";
    PreconditionRequired, "precondition_required", 428, "请先获取最新内容再修改", "Send If-Match with the version you edited.";
    RateLimited, "rate_limited", 429, "操作过于频繁，请稍后再试", "Too many requests; please wait a little.";
    HeadersTooLarge, "headers_too_large", 431, "请求头过大", "The request headers are too large.";
    Internal, "internal", 500, "系统出错了，请稍后再试", "Something went wrong on our side.";
    Unavailable, "unavailable", 503, "服务繁忙，请稍后再试", "The service is busy; please try again shortly.";
    Timeout, "timeout", 503, "处理超时，请稍后再试", "The service did not answer in time.";

    // lists
    CursorInvalid, "cursor_invalid", 400, "翻页参数无效，请从第一页开始", "The cursor is not valid; start from the first page.";
    CursorExpired, "cursor_expired", 410, "翻页已过期，请从第一页开始", "The cursor has expired; start from the first page.";

    // idempotency
    IdempotencyKeyRequired, "idempotency_key_required", 400, "缺少幂等键", "The Idempotency-Key header is required.";
    IdempotencyKeyInvalid, "idempotency_key_invalid", 400, "幂等键无效", "The Idempotency-Key is not valid (1 to 255 visible ASCII characters).";
    IdempotencyKeyReused, "idempotency_key_reused", 422, "同一幂等键用于了不同的请求", "This Idempotency-Key was used with another request.";
    IdempotencyInProgress, "idempotency_in_progress", 409, "相同的请求正在处理", "The same request is being processed.";

    // geography
    CoordinateInvalid, "coordinate_invalid", 422, "坐标无效", "The coordinates are not valid.";
    CoordinateSwapped, "coordinate_swapped", 422, "经纬度似乎颠倒了", "Latitude and longitude seem to be swapped.";
    CoordinateOutOfArea, "coordinate_out_of_area", 422, "坐标不在服务区域内", "The point is outside the served area.";
    DatumRequired, "datum_required", 422, "请说明坐标系（wgs84、gcj02 或 bd09）", "Say which coordinate system is used (wgs84, gcj02 or bd09).";

    // facilities
    FacilityStatusInvalid, "facility_status_invalid", 409, "设施当前状态不允许此变更", "The facility's status does not allow this move.";
    FacilityDuplicate, "facility_duplicate", 409, "同一来源的外部编号已存在", "This source already has a facility with this external id.";
    ReportStateInvalid, "report_state_invalid", 409, "该反馈的当前状态不允许此变更", "The report's state does not allow this move.";
    TooManyReports, "too_many_reports", 429, "待核实的反馈较多，请稍后再试", "Many reports are still waiting to be checked; please try again later.";
    PhotoLimit, "photo_limit", 409, "照片数量已达上限", "The facility has as many photos as it may.";
    PhotoInvalid, "photo_invalid", 415, "仅支持 JPEG、PNG 或 WebP 图片", "Only JPEG, PNG or WebP images are accepted.";
    // rooms and bookings
    RoomNameTaken, "room_name_taken", 409, "这个设施已有同名的房间", "This facility already has a room of that name.";
    RoomHasTimetable, "room_has_timetable", 409, "这个房间按功能时段开放，请在功能时段里修改", "The days of this room are published by its time bands; change those.";
    ImpactUnseen, "impact_unseen", 409, "这样改会影响已有的预约，请先预览影响再确认", "This touches bookings; preview it and confirm what you saw.";
    SeatsInUse, "seats_in_use", 409, "已经约出的人数比新的名额多", "More people have booked than there would be seats.";
    SlotTaken, "slot_taken", 409, "这个时段刚刚被别人约走了，请换一个时段", "Someone else has just booked this time; please choose another.";
    SlotClosed, "slot_closed", 409, "这个时段暂时不开放预约，请换一个时段", "This time is not open for booking; please choose another.";
    SlotPast, "slot_past", 409, "这个时段已经开始或过去了，请换一个时段", "This time has already begun; please choose another.";
    SlotTooSoon, "slot_too_soon", 409, "离开始时间太近，不能在手机上预约了，请直接问工作人员", "It is too close to the start to book here; please ask the staff.";
    SlotTooFarAhead, "slot_too_far_ahead", 409, "这一天还没有开放预约，请过几天再来", "This day is not open for booking yet; please come back later.";
    SlotsNotContiguous, "slots_not_contiguous", 422, "选的几个时段要前后相连", "The times you choose must follow one another without a gap.";
    SeriesRefused, "series_refused", 409, "有几周约不上，所以一次也没有约", "Some weeks cannot be had, so nothing was booked.";
    HoldLapsed, "hold_lapsed", 409, "占位已过期，请重新选择", "The time to keep it for you is over; please choose again.";
    QuotaExhausted, "quota_exhausted", 409, "您的限额已经用完了", "You have used all that you may take.";
    SoldOut, "sold_out", 409, "名额已经满了", "There is nothing left.";
    PartyTooLarge, "party_too_large", 422, "来的人太多，这个房间坐不下", "That is more people than the room takes.";
    TooLateToCancel, "too_late_to_cancel", 409, "已经过了可以取消的时间，请打电话告诉工作人员", "It is too late to cancel here; please call the staff.";
    BookingAlreadyCancelled, "booking_already_cancelled", 409, "这个预约已经取消了，不用再取消", "This booking is already cancelled; there is nothing more to do.";
    BookingNotPending, "booking_not_pending", 409, "这个预约现在不需要确认或付款", "This booking is not waiting for a decision or a payment.";
    BookingExpired, "booking_expired", 409, "保留的时间已过，这个预约已经失效，请重新预约", "The time it was kept for has passed; please book again.";
    BookingDeclined, "booking_declined", 409, "这个预约没有通过", "This booking was declined.";
    BookingNotConfirmed, "booking_not_confirmed", 409, "只有已经约好的预约才能改时间", "Only a confirmed booking can be moved.";
    MoveNeedsNewBooking, "move_needs_new_booking", 409, "改到这里要重新申请或付款，请取消后重新预约", "Moving there needs a new request or payment; please cancel and book again.";
    BookingOver, "booking_over", 409, "这个预约的时间已经过去了", "The time of this booking is over.";
    AlreadyElsewhere, "already_elsewhere", 409, "这个时间已经约了别的地方，一个人不能同时在两处", "There is another booking at this time; nobody can be in two places at once.";
    OnlineShareFull, "online_share_full", 409, "网上可约的名额满了，留下的名额请打电话或到现场预约", "The places for online booking are taken; please call or come to the counter for the rest.";
    FamilyConsentMissing, "family_consent_missing", 403, "还没有得到这位家人的授权，请让家人先在手机上同意", "This family member has not let you do this; ask them to agree first.";
    NothingToRefund, "nothing_to_refund", 409, "这个预约没有需要退的款", "There is nothing to give back for this booking.";
    PaymentMismatch, "payment_mismatch", 422, "金额与应付金额不一致", "The amount is not what is due.";

    // staff
    SignInFailed, "sign_in_failed", 401, "账号或密码不正确", "The account or the password is not right.";
    PasswordChangeRequired, "password_change_required", 403, "请先修改初始密码", "Change the password you were given first.";
    UsernameTaken, "username_taken", 409, "该用户名已被使用", "This user name is taken.";
    PhoneTaken, "phone_taken", 409, "该手机号已被其他账号使用", "Another account uses this telephone number.";
    RoleAlreadyGiven, "role_already_given", 409, "该角色已授予", "This role has been given already.";
    OrganisationCodeTaken, "organisation_code_taken", 409, "该机构代码已存在", "An organisation with this code exists.";
    OrganisationClosed, "organisation_closed", 409, "该机构已停用", "This organisation is closed.";
    OrganisationMisplaced, "organisation_misplaced", 422, "该类机构不能设在此上级之下", "An organisation of this kind cannot stand there.";

    // residents
    HouseholdTaken, "household_taken", 409, "该居民已属于其他家庭", "This resident belongs to a household already.";
    HouseholdFull, "household_full", 409, "家庭成员人数已达上限", "The household has as many members as it may.";
    FamilyCodeInvalid, "family_code_invalid", 422, "邀请码无效或已过期", "The invitation code is not valid, or no longer.";
    FamilyLinkExists, "family_link_exists", 409, "已建立亲情关联", "This family link exists already.";
    FamilyLimit, "family_limit", 409, "亲情关联数量已达上限", "There are as many family links as there may be.";
    FavouriteLimit, "favourite_limit", 409, "收藏数量已达上限", "There are as many favourites as there may be.";
    MergeConflict, "merge_conflict", 409, "两份档案不能合并", "These two records cannot be merged.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_snake_case_and_speak_both_languages() {
        let mut seen = HashSet::new();
        for code in Code::ALL {
            let name = code.as_str();
            assert!(seen.insert(name), "{name} stands twice in the table");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            assert!((400..=599).contains(&code.status()), "{name}");
            assert!(!code.zh().is_empty() && !code.en().is_empty(), "{name}");
        }
    }
}
