//! What kinds of facility a community of the demo has, in the words of the policy documents.

use super::rooms::{self, RoomKind};
use crate::facility::{Category, FeeKind, ServiceMode};

/// One kind of facility.
pub(super) struct Kind {
    pub(super) category: Category,
    /// Names after the community's; which of them is drawn.
    pub(super) names: &'static [&'static str],
    /// What people also call it.
    pub(super) aliases: &'static [&'static str],
    /// Opening hours, one of which is drawn, as `import::hours` reads them.
    pub(super) hours: &'static [&'static str],
    /// Smallest and largest floor area, m².
    pub(super) area_m2: (u32, u32),
    pub(super) offers: &'static [Offer],
    /// Rooms that can be booked, where it has any.
    pub(super) rooms: &'static [RoomKind],
}

/// One service: name, fee, mode, and the price in fen with what it is per, where there is one.
pub(super) struct Offer(
    pub(super) &'static str,
    pub(super) FeeKind,
    pub(super) ServiceMode,
    pub(super) Option<(i64, &'static str)>,
);

const OFFICE: &str = "工作日 08:30-12:00,13:30-17:30; 周六 09:00-11:30";
const OFFICE_ALL_WEEK: &str = "工作日、调休上班 08:30-17:30; 周末 09:00-16:30; 法定节假日 休";
const DAILY: &str = "每天 08:30-20:30; 法定节假日照常; 调休上班按周末";
const DAY_CARE: &str = "周一至周六 08:00-17:00; 法定节假日 休";
const MEALS: &str = "每天 06:30-08:30,10:30-13:00,16:30-18:30; 法定节假日 10:30-13:00";
const LUNCH: &str = "工作日 10:30-12:30; 周末 10:30-12:00";
const MUSEUM: &str = "周二至周日 09:00-17:00; 法定节假日照常; 调休上班按周末";
const EVENINGS: &str = "工作日 15:30-20:30; 周末 09:00-20:30";
const SUMMER: &str = "工作日 15:30-18:00; [2026-07-01..2026-08-31] 工作日 08:00-17:30";
const NIGHT: &str = "每天 06:00-次日00:30; 法定节假日照常; 调休上班按周末";
const LATE: &str = "每天 07:00-次日02:00; 法定节假日照常; 调休上班按周末";
const ALWAYS: &str = "每天 00:00-24:00; 法定节假日照常; 调休上班按周末";

/// The centre of a community is called differently from city to city: first digits of the code, name, alias.
pub(super) const COMPLEX_NAMES: &[(&str, &str, &str)] = &[
    ("330481", "邻里中心", "居民会客厅"),
    ("33", "幸福邻里坊", "民生综合体"),
    ("37", "社区综合服务中心", "民生综合体"),
    ("50", "渝邻汇综合服务体", "渝邻汇"),
    ("", "民生综合体", "邻里中心"),
];

/// The kinds in the order in which a community gets them; the first is always the complex.
pub(super) static KINDS: &[Kind] = {
    use Category::{
        AfterSchool, Childcare, ChildrenPlay, Commerce, CommunityDining, CommunityService, Culture,
        Education, ElderlyCare, Government, Health, HomeServices, Parcel, SocialWelfare, Sports,
    };
    use FeeKind::{Free, LowCost, Paid};
    use ServiceMode::{HomeVisit, OnSite, Online};
    &[
        Kind {
            category: CommunityService,
            names: &["幸福邻里坊"],
            aliases: &["民生综合体"],
            hours: &[OFFICE_ALL_WEEK, DAILY],
            area_m2: (400, 2400),
            offers: &[
                Offer("便民服务咨询", Free, OnSite, None),
                Offer("邻里活动报名", Free, Online, None),
                Offer("空间预约", LowCost, OnSite, Some((2000, "小时"))),
            ],
            rooms: rooms::COMPLEX,
        },
        Kind {
            category: CommunityDining,
            names: &["老年食堂", "长者食堂", "社区食堂", "老年助餐点"],
            aliases: &["老年餐桌", "饭堂"],
            hours: &[MEALS, MEALS, LUNCH],
            area_m2: (60, 320),
            offers: &[
                Offer("老年午餐", LowCost, OnSite, Some((1200, "份"))),
                Offer("送餐上门", LowCost, HomeVisit, Some((200, "次"))),
                Offer("居民就餐", Paid, OnSite, Some((1800, "份"))),
            ],
            rooms: &[],
        },
        Kind {
            category: ElderlyCare,
            names: &["居家养老服务中心", "居家养老服务照料中心", "养老服务站"],
            aliases: &["养老中心"],
            hours: &[DAY_CARE, OFFICE_ALL_WEEK],
            area_m2: (150, 900),
            offers: &[
                Offer("日间照料", LowCost, OnSite, Some((3000, "天"))),
                Offer("助浴", Paid, HomeVisit, Some((8000, "次"))),
                Offer("健康讲座", Free, OnSite, None),
                Offer("探访关爱", Free, HomeVisit, None),
            ],
            rooms: rooms::ELDERLY,
        },
        Kind {
            category: Health,
            names: &["智慧健康站", "社区卫生服务站"],
            aliases: &["卫生站"],
            hours: &[OFFICE, OFFICE_ALL_WEEK],
            area_m2: (60, 400),
            offers: &[
                Offer("血压血糖测量", Free, OnSite, None),
                Offer("家庭医生签约", Free, OnSite, None),
                Offer("中医理疗", Paid, OnSite, Some((6000, "次"))),
            ],
            rooms: &[],
        },
        Kind {
            category: Government,
            names: &["党群服务中心", "党群服务驿站"],
            aliases: &["综合服务中心"],
            hours: &[OFFICE, OFFICE_ALL_WEEK],
            area_m2: (200, 1200),
            offers: &[Offer("政务代办", Free, OnSite, None), Offer("养老补贴申请", Free, OnSite, None)],
            rooms: rooms::OFFICE,
        },
        Kind {
            category: Culture,
            names: &["文化家园", "文化活动中心", "社区书房"],
            aliases: &["文化站"],
            hours: &[MUSEUM, DAILY],
            area_m2: (120, 1000),
            offers: &[
                Offer("图书借阅", Free, OnSite, None),
                Offer("书画课程", LowCost, OnSite, Some((2000, "课时"))),
            ],
            rooms: rooms::CULTURE,
        },
        Kind {
            category: Childcare,
            names: &["婴幼儿成长驿站", "托育园"],
            aliases: &["托育中心"],
            hours: &[DAY_CARE, "工作日 07:30-18:00"],
            area_m2: (120, 600),
            offers: &[
                Offer("全日托", Paid, OnSite, Some((258_000, "月"))),
                Offer("半日托", Paid, OnSite, Some((148_000, "月"))),
                Offer("计时托", Paid, OnSite, Some((3000, "小时"))),
                Offer("亲子活动", Free, OnSite, None),
            ],
            rooms: &[],
        },
        Kind {
            category: Sports,
            names: &["百姓健身房", "社区运动家", "全民健身中心"],
            aliases: &["健身房"],
            hours: &[NIGHT, DAILY],
            area_m2: (120, 1500),
            offers: &[
                Offer("器械健身", LowCost, OnSite, Some((3900, "月"))),
                Offer("乒乓球", LowCost, OnSite, Some((1500, "小时"))),
            ],
            rooms: rooms::SPORTS,
        },
        Kind {
            category: HomeServices,
            names: &["家政服务站", "便民服务点", "共享维修站"],
            aliases: &["家政"],
            hours: &[DAILY, OFFICE_ALL_WEEK],
            area_m2: (20, 120),
            offers: &[
                Offer("保洁", Paid, HomeVisit, Some((4500, "小时"))),
                Offer("家电维修", Paid, HomeVisit, Some((6000, "次"))),
                Offer("磨刀缝补", LowCost, OnSite, Some((500, "件"))),
            ],
            rooms: &[],
        },
        Kind {
            category: ChildrenPlay,
            names: &["儿童之家", "儿童游憩园"],
            aliases: &["儿童乐园"],
            hours: &[MUSEUM, EVENINGS],
            area_m2: (60, 400),
            offers: &[Offer("游戏区", Free, OnSite, None), Offer("绘本共读", Free, OnSite, None)],
            rooms: &[],
        },
        Kind {
            category: Education,
            names: &["老年大学教学点", "社区学院"],
            aliases: &["老年大学"],
            hours: &["周一至周五 08:30-16:30", EVENINGS],
            area_m2: (100, 800),
            offers: &[
                Offer("声乐班", LowCost, OnSite, Some((16_000, "学期"))),
                Offer("智能手机班", Free, OnSite, None),
            ],
            rooms: rooms::CLASSES,
        },
        Kind {
            category: Commerce,
            names: &["便利店", "惠民菜场"],
            aliases: &["小店"],
            hours: &[LATE, "每天 05:30-19:00; 法定节假日照常; 调休上班按周末"],
            area_m2: (40, 900),
            offers: &[
                Offer("日用百货", Paid, OnSite, None),
                Offer("蔬果配送", Paid, HomeVisit, Some((300, "单"))),
            ],
            rooms: &[],
        },
        Kind {
            category: AfterSchool,
            names: &["四点半课堂", "青少年托管中心"],
            aliases: &["儿童托管"],
            hours: &[SUMMER, EVENINGS],
            area_m2: (60, 300),
            offers: &[
                Offer("课后托管", LowCost, OnSite, Some((1000, "次"))),
                Offer("暑期托管", LowCost, OnSite, Some((60_000, "期"))),
            ],
            rooms: &[],
        },
        Kind {
            category: SocialWelfare,
            names: &["残疾人之家", "妇女儿童服务驿站"],
            aliases: &["阳光家园"],
            hours: &["工作日 08:30-16:30", OFFICE],
            area_m2: (60, 500),
            offers: &[Offer("辅具借用", Free, OnSite, None), Offer("心理咨询", Free, OnSite, None)],
            rooms: &[],
        },
        Kind {
            category: Parcel,
            names: &["快递驿站", "邻里快递点"],
            aliases: &["取件点"],
            hours: &[ALWAYS, "每天 08:00-21:00; 法定节假日照常; 调休上班按周末"],
            area_m2: (20, 120),
            offers: &[
                Offer("包裹代收", Free, OnSite, None),
                Offer("寄件", Paid, OnSite, Some((1000, "件起"))),
            ],
            rooms: &[],
        },
        Kind {
            category: ElderlyCare,
            names: &["日间照料中心", "颐养之家"],
            aliases: &["日托"],
            hours: &[DAY_CARE],
            area_m2: (120, 700),
            offers: &[
                Offer("日托", LowCost, OnSite, Some((4000, "天"))),
                Offer("康复训练", Paid, OnSite, Some((8000, "次"))),
            ],
            rooms: rooms::ELDERLY,
        },
    ]
};
