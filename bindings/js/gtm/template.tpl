___INFO___

{
  "type": "TAG",
  "id": "cvt_temp_public_id",
  "version": 1,
  "securityGroups": [],
  "displayName": "Sillage",
  "categories": ["ANALYTICS", "PERSONALIZATION"],
  "brand": {"id": "brand_sillage", "displayName": "Sillage"},
  "description": "Loads the tag of your own Sillage collector, sends it events, passes consent on.",
  "containerContexts": ["WEB"]
}


___TEMPLATE_PARAMETERS___

[
  {
    "type": "SELECT",
    "name": "action",
    "displayName": "What this tag does",
    "simpleValueType": true,
    "defaultValue": "start",
    "macrosInSelect": false,
    "selectItems": [
      {"value": "start", "displayValue": "Starts Sillage on the page"},
      {"value": "event", "displayValue": "Sends an event"},
      {"value": "ecommerce", "displayValue": "Sends the e-commerce event of the data layer (GA4)"},
      {"value": "identify", "displayValue": "Says who the visitor is"},
      {"value": "reset", "displayValue": "Says that the visitor has left"}
    ]
  },
  {
    "type": "TEXT",
    "name": "key",
    "displayName": "Write key",
    "simpleValueType": true,
    "valueValidators": [{"type": "NON_EMPTY"}],
    "enablingConditions": [{"paramName": "action", "paramValue": "start", "type": "EQUALS"}]
  },
  {
    "type": "TEXT",
    "name": "api",
    "displayName": "Address of the collector",
    "simpleValueType": true,
    "valueHint": "https://collect.example.com",
    "help": "The collector serves the tag there as /tag.js.",
    "valueValidators": [
      {
        "type": "REGEX",
        "args": ["^https://[^?#]+$"],
        "errorMessage": "An address that begins with https://"
      }
    ],
    "enablingConditions": [{"paramName": "action", "paramValue": "start", "type": "EQUALS"}]
  },
  {
    "type": "GROUP",
    "name": "autoGroup",
    "displayName": "Captured by itself",
    "groupStyle": "ZIPPY_OPEN",
    "enablingConditions": [{"paramName": "action", "paramValue": "start", "type": "EQUALS"}],
    "subParams": [
      {
        "type": "CHECKBOX",
        "name": "autoPages",
        "checkboxText": "Page views, also of routes",
        "simpleValueType": true,
        "defaultValue": true
      },
      {
        "type": "CHECKBOX",
        "name": "autoClicks",
        "checkboxText": "Clicks",
        "simpleValueType": true,
        "defaultValue": true
      },
      {
        "type": "CHECKBOX",
        "name": "autoScroll",
        "checkboxText": "Scroll depth",
        "simpleValueType": true,
        "defaultValue": true
      },
      {
        "type": "CHECKBOX",
        "name": "autoEngagement",
        "checkboxText": "Engaged time",
        "simpleValueType": true,
        "defaultValue": true
      },
      {
        "type": "CHECKBOX",
        "name": "autoForms",
        "checkboxText": "Forms, never what is typed",
        "simpleValueType": true,
        "defaultValue": true
      },
      {
        "type": "CHECKBOX",
        "name": "autoLinks",
        "checkboxText": "Links out and downloads",
        "simpleValueType": true,
        "defaultValue": true
      },
      {
        "type": "CHECKBOX",
        "name": "autoVideo",
        "checkboxText": "Videos",
        "simpleValueType": true,
        "defaultValue": true
      },
      {
        "type": "CHECKBOX",
        "name": "autoShares",
        "checkboxText": "Shares",
        "simpleValueType": true,
        "defaultValue": true
      },
      {
        "type": "CHECKBOX",
        "name": "autoVitals",
        "checkboxText": "Web vitals",
        "simpleValueType": true,
        "defaultValue": false
      },
      {
        "type": "CHECKBOX",
        "name": "autoErrors",
        "checkboxText": "Uncaught errors",
        "simpleValueType": true,
        "defaultValue": false
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "consentGroup",
    "displayName": "Consent",
    "groupStyle": "ZIPPY_CLOSED",
    "enablingConditions": [{"paramName": "action", "paramValue": "start", "type": "EQUALS"}],
    "subParams": [
      {
        "type": "SIMPLE_TABLE",
        "name": "consent",
        "displayName": "Which consent of Tag Manager answers for which category",
        "help": "A category is granted if every consent beside it is.",
        "simpleTableColumns": [
          {
            "name": "type",
            "displayName": "Consent type",
            "type": "SELECT",
            "selectItems": [
              {
                "value": "analytics_storage",
                "displayValue": "analytics_storage"
              },
              {"value": "ad_storage", "displayValue": "ad_storage"},
              {
                "value": "ad_user_data",
                "displayValue": "ad_user_data"
              },
              {
                "value": "ad_personalization",
                "displayValue": "ad_personalization"
              },
              {
                "value": "functionality_storage",
                "displayValue": "functionality_storage"
              },
              {
                "value": "personalization_storage",
                "displayValue": "personalization_storage"
              },
              {
                "value": "security_storage",
                "displayValue": "security_storage"
              }
            ],
            "defaultValue": "analytics_storage"
          },
          {
            "name": "category",
            "displayName": "Category",
            "type": "TEXT",
            "defaultValue": "analytics",
            "valueValidators": [{"type": "NON_EMPTY"}]
          }
        ]
      },
      {
        "type": "CHECKBOX",
        "name": "required",
        "checkboxText": "Every event needs these categories: nothing is stored or sent before",
        "simpleValueType": true,
        "defaultValue": true
      }
    ]
  },
  {
    "type": "TEXT",
    "name": "event",
    "displayName": "Name of the event",
    "simpleValueType": true,
    "valueHint": "Product Viewed",
    "valueValidators": [{"type": "NON_EMPTY"}],
    "enablingConditions": [{"paramName": "action", "paramValue": "event", "type": "EQUALS"}]
  },
  {
    "type": "TEXT",
    "name": "userId",
    "displayName": "User id",
    "simpleValueType": true,
    "enablingConditions": [{"paramName": "action", "paramValue": "identify", "type": "EQUALS"}]
  },
  {
    "type": "SIMPLE_TABLE",
    "name": "properties",
    "displayName": "Properties, or traits of the visitor",
    "enablingConditions": [
      {"paramName": "action", "paramValue": "event", "type": "EQUALS"},
      {"paramName": "action", "paramValue": "identify", "type": "EQUALS"}
    ],
    "newRowButtonText": "Add",
    "simpleTableColumns": [
      {
        "name": "name",
        "displayName": "Name",
        "type": "TEXT",
        "isUnique": true,
        "valueValidators": [{"type": "NON_EMPTY"}]
      },
      {"name": "value", "displayName": "Value", "type": "TEXT"}
    ]
  }
]


___SANDBOXED_JS_FOR_WEB_TEMPLATE___

const addConsentListener = require('addConsentListener');
const copyFromDataLayer = require('copyFromDataLayer');
const createArgumentsQueue = require('createArgumentsQueue');
const getType = require('getType');
const injectScript = require('injectScript');
const isConsentGranted = require('isConsentGranted');
const makeNumber = require('makeNumber');
const makeTableMap = require('makeTableMap');
const templateStorage = require('templateStorage');

// The page's own snippet if it is there, the loaded tag if that is; else a queue that the tag takes up.
const sillage = createArgumentsQueue('sillage', 'sillage.q');

const isGiven = (value) => value !== undefined && value !== null && value !== '';

const put = (target, name, value) => {
  if (isGiven(value)) target[name] = value;
};

const ITEM_MEMBERS = {
  item_id: 'product_id',
  item_name: 'name',
  item_brand: 'brand',
  item_category: 'category',
  item_variant: 'variant',
  affiliation: 'affiliation',
  coupon: 'coupon',
  currency: 'currency',
  discount: 'discount',
  price: 'price',
  quantity: 'quantity',
  index: 'position'
};

const ORDER_MEMBERS = {
  affiliation: 'affiliation',
  coupon: 'coupon',
  creative_name: 'creative',
  creative_slot: 'position',
  currency: 'currency',
  item_list_id: 'list_id',
  item_list_name: 'category',
  payment_type: 'payment_method',
  promotion_id: 'promotion_id',
  promotion_name: 'name',
  shipping: 'shipping',
  shipping_tier: 'shipping_method',
  tax: 'tax',
  transaction_id: 'order_id',
  value: 'value'
};

// Of each event: its name in the specification, and whether it speaks of one product or of all.
const EVENTS = {
  view_item_list: { name: 'Product List Viewed', products: 'all' },
  select_item: { name: 'Product Clicked', products: 'each' },
  view_item: { name: 'Product Viewed', products: 'each' },
  add_to_wishlist: { name: 'Product Added to Wishlist', products: 'each' },
  add_to_cart: { name: 'Product Added', products: 'each' },
  remove_from_cart: { name: 'Product Removed', products: 'each' },
  view_cart: { name: 'Cart Viewed', products: 'all' },
  begin_checkout: { name: 'Checkout Started', products: 'all' },
  add_shipping_info: { name: 'Checkout Step Completed', products: 'all' },
  add_payment_info: { name: 'Payment Info Entered', products: 'all' },
  purchase: { name: 'Order Completed', products: 'all' },
  refund: { name: 'Order Refunded', products: 'all' },
  view_promotion: { name: 'Promotion Viewed', products: 'none' },
  select_promotion: { name: 'Promotion Clicked', products: 'none' },
  search: { name: 'Products Searched', products: 'none' }
};

const renamed = (source, names) => {
  const result = {};
  for (let name in names) put(result, names[name], source[name]);
  return result;
};

const amount = (value) => makeNumber(value) || 0;

const ecommerce = () => {
  const known = EVENTS[copyFromDataLayer('event')];
  if (!known) return false;
  const order = copyFromDataLayer('ecommerce') || {};
  const products = getType(order.items) === 'array' ? order.items.map((item) => renamed(item, ITEM_MEMBERS)) : [];
  const properties = renamed(order, ORDER_MEMBERS);
  if (known.products === 'each' && products.length > 0) {
    // What is added or looked at is one event a product, with what the event says of all.
    products.forEach((product) => {
      put(product, 'currency', product.currency || properties.currency);
      put(product, 'list_id', properties.list_id);
      sillage('track', known.name, product);
    });
    return true;
  }
  if (known.products !== 'none') properties.products = products;
  put(properties, 'query', copyFromDataLayer('search_term'));
  if (known.name === 'Order Completed' || known.name === 'Order Refunded') {
    // GA4's value is without shipping and tax, as the specification's revenue is; its total is with them.
    properties.revenue = amount(order.value);
    properties.total = properties.revenue + amount(order.shipping) + amount(order.tax);
  }
  sillage('track', known.name, properties);
  return true;
};

const told = {};

const tell = (rows, granted) => {
  const categories = {};
  rows.forEach((row) => {
    categories[row.category] = categories[row.category] !== false && granted[row.type];
  });
  // A denial that replaces no grant may only mean that nobody has been asked yet.
  const news = {};
  let any = false;
  for (let category in categories) {
    if (told[category] === categories[category] || (!categories[category] && !told[category])) continue;
    told[category] = news[category] = categories[category];
    any = true;
  }
  if (any) sillage('consent', news);
};

const followConsent = (rows) => {
  const granted = {};
  rows.forEach((row) => {
    if (granted[row.type] !== undefined) return;
    granted[row.type] = isConsentGranted(row.type);
    addConsentListener(row.type, (type, isGranted) => {
      granted[type] = isGranted;
      tell(rows, granted);
    });
  });
  tell(rows, granted);
};

const start = () => {
  const api = data.api.charAt(data.api.length - 1) === '/' ? data.api.slice(0, data.api.length - 1) : data.api;
  if (!templateStorage.getItem('started')) {
    templateStorage.setItem('started', true);
    const rows = data.consent || [];
    const settings = {
      key: data.key,
      api: api,
      auto: {
        pages: data.autoPages,
        clicks: data.autoClicks,
        scroll: data.autoScroll,
        engagement: data.autoEngagement,
        forms: data.autoForms,
        links: data.autoLinks,
        video: data.autoVideo,
        shares: data.autoShares,
        vitals: data.autoVitals,
        errors: data.autoErrors
      }
    };
    const required = [];
    rows.forEach((row) => {
      if (required.indexOf(row.category) < 0) required.push(row.category);
    });
    if (data.required && required.length > 0) settings.consent = { required: required };
    sillage('init', settings);
    followConsent(rows);
  }
  injectScript(api + '/tag.js', data.gtmOnSuccess, data.gtmOnFailure, 'sillage');
};

const done = (isSent) => {
  if (isSent) data.gtmOnSuccess();
  else data.gtmOnFailure();
};

const members = () => (data.properties && makeTableMap(data.properties, 'name', 'value')) || {};

if (data.action === 'start') {
  start();
} else if (data.action === 'ecommerce') {
  done(ecommerce());
} else if (data.action === 'event') {
  sillage('track', data.event, members());
  done(true);
} else if (data.action === 'identify') {
  sillage('identify', isGiven(data.userId) ? data.userId : undefined, members());
  done(true);
} else {
  sillage('reset');
  done(true);
}


___WEB_PERMISSIONS___

[
  {
    "instance": {
      "key": {"publicId": "inject_script", "versionId": "1"},
      "param": [
        {
          "key": "urls",
          "value": {
            "type": 2,
            "listItem": [
              {"type": 1, "string": "https://*/tag.js"},
              {"type": 1, "string": "https://*/*/tag.js"}
            ]
          }
        }
      ]
    },
    "clientAnnotations": {"isEditedByUser": true},
    "isRequired": true
  },
  {
    "instance": {
      "key": {"publicId": "access_globals", "versionId": "1"},
      "param": [
        {
          "key": "keys",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "key"},
                  {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"},
                  {"type": 1, "string": "execute"}
                ],
                "mapValue": [
                  {"type": 1, "string": "sillage"},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": false}
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "key"},
                  {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"},
                  {"type": 1, "string": "execute"}
                ],
                "mapValue": [
                  {"type": 1, "string": "sillage.q"},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": false}
                ]
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {"isEditedByUser": true},
    "isRequired": true
  },
  {
    "instance": {
      "key": {"publicId": "access_consent", "versionId": "1"},
      "param": [
        {
          "key": "consentTypes",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "consentType"},
                  {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"}
                ],
                "mapValue": [
                  {"type": 1, "string": "analytics_storage"},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": false}
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "consentType"},
                  {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"}
                ],
                "mapValue": [
                  {"type": 1, "string": "ad_storage"},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": false}
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "consentType"},
                  {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"}
                ],
                "mapValue": [
                  {"type": 1, "string": "ad_user_data"},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": false}
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "consentType"},
                  {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"}
                ],
                "mapValue": [
                  {"type": 1, "string": "ad_personalization"},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": false}
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "consentType"},
                  {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"}
                ],
                "mapValue": [
                  {"type": 1, "string": "functionality_storage"},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": false}
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "consentType"},
                  {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"}
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "personalization_storage"
                  },
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": false}
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "consentType"},
                  {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"}
                ],
                "mapValue": [
                  {"type": 1, "string": "security_storage"},
                  {"type": 8, "boolean": true},
                  {"type": 8, "boolean": false}
                ]
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {"isEditedByUser": true},
    "isRequired": true
  },
  {
    "instance": {
      "key": {"publicId": "read_data_layer", "versionId": "1"},
      "param": [
        {"key": "allowedKeys", "value": {"type": 1, "string": "specific"}},
        {
          "key": "keyPatterns",
          "value": {
            "type": 2,
            "listItem": [
              {"type": 1, "string": "event"},
              {"type": 1, "string": "ecommerce"},
              {"type": 1, "string": "search_term"}
            ]
          }
        }
      ]
    },
    "clientAnnotations": {"isEditedByUser": true},
    "isRequired": true
  },
  {
    "instance": {"key": {"publicId": "access_template_storage", "versionId": "1"}, "param": []},
    "clientAnnotations": {"isEditedByUser": true},
    "isRequired": true
  }
]


___TESTS___

scenarios:
- name: The tag is loaded from the collector
  code: |-
    runCode({action: 'start', key: 'wk_1', api: 'https://collect.example.com/', autoPages: true});
    assertApi('injectScript').wasCalledWith('https://collect.example.com/tag.js', success, failure, 'sillage');
    assertThat(calls[0][0]).isEqualTo('init');
    assertThat(calls[0][1].api).isEqualTo('https://collect.example.com');
- name: A purchase becomes an order
  code: |-
    layer = {event: 'purchase', ecommerce: {transaction_id: 'T-1', value: 80, shipping: 5, tax: 15, currency: 'EUR',
      items: [{item_id: 'sku-1', item_name: 'Jumper', price: 80, quantity: 1}]}};
    runCode({action: 'ecommerce'});
    assertThat(calls).isEqualTo([['track', 'Order Completed', {currency: 'EUR', shipping: 5, tax: 15, order_id: 'T-1',
      value: 80, products: [{product_id: 'sku-1', name: 'Jumper', price: 80, quantity: 1}], revenue: 80, total: 100}]]);
    assertApi('gtmOnSuccess').wasCalled();
- name: An event that has no name in the specification fails
  code: |-
    layer = {event: 'gtm.dom'};
    runCode({action: 'ecommerce'});
    assertThat(calls).isEqualTo([]);
    assertApi('gtmOnFailure').wasCalled();
setup: |-
  const calls = [];
  let layer = {};
  let success, failure;
  mock('createArgumentsQueue', () => (method, first, second) => {
    calls.push([method, first, second]);
  });
  mock('copyFromDataLayer', (key) => layer[key]);
  mock('injectScript', (url, onSuccess, onFailure) => {
    success = onSuccess;
    failure = onFailure;
    onSuccess();
  });


___NOTES___

Grants are told when the tag starts and whenever they change; a denial is told when it replaces a grant. A denial at the
start is not told: it may only be that nobody has been asked yet, and until there is a grant nothing is stored or sent.
